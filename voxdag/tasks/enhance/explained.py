"""Speech enhancement in words: its metrics and figures, and what others published."""

from __future__ import annotations

from voxdag.tasks.explained import Measure, Published

TITLE = "Speech enhancement"
QUESTION = "How near does a system bring noisy speech to the clean recording, which it has not heard?"
USE = "Removing additive noise from speech at 16 kHz, for research and for listening."
MISUSE = (
    "Recordings that serve as evidence: what a network makes of speech may hold sounds that nobody spoke. "
    "Reverberation, clipping and music are not removed."
)
APART = "speaker"
HUB_TASK = "audio-to-audio"
TAGS = ("speech-enhancement", "noise-suppression")
NETWORK_SAYS = "as long as what went in, full scale 1"
LEADING = ("estoi", "si_sdr", "dnsmos_ovrl", "pesq", "stoi")
MEASURES = {
    "estoi": Measure("ESTOI", "Extended short-time objective intelligibility, -1 to 1; 1 is the clean recording."),
    "stoi": Measure("STOI", "Short-time objective intelligibility, -1 to 1; 1 is the clean recording."),
    "si_sdr": Measure(
        "SI-SDR", "Ratio of speech to all that is not in it, whatever the level; higher is better.", "dB", 1
    ),
    "pesq": Measure("PESQ", "Perceived quality by ITU-T P.862.2 (wide band), 1.0 to 4.6; higher is better.", "", 2),
    "pesq_nb": Measure("PESQ, narrow band", "The same by ITU-T P.862; higher is better.", "", 2),
    "dnsmos_ovrl": Measure("DNSMOS", "Overall quality as a network guesses that listeners judge it, 1 to 5.", "", 2),
    "dnsmos_sig": Measure("DNSMOS, speech", "The same of the speech alone.", "", 2),
    "dnsmos_bak": Measure("DNSMOS, background", "The same of the background; higher is quieter.", "", 2),
    "ssnr": Measure("SSNR", "Segmental signal-to-noise ratio, -10 to 35; higher is better.", "dB", 1),
    "llr": Measure("LLR", "Log-likelihood ratio of linear prediction; lower is better.", "", 2),
    "wss": Measure("WSS", "Weighted spectral slope distance; lower is better.", "", 1),
    "csig": Measure("CSIG", "Composite of speech distortion, 1 to 5; higher is better.", "", 2),
    "cbak": Measure("CBAK", "Composite of background intrusiveness, 1 to 5; higher is better.", "", 2),
    "covl": Measure("COVL", "Composite of overall quality, 1 to 5; higher is better.", "", 2),
    "distillmos": Measure("DistillMOS", "Overall quality as another network guesses it, 1 to 5.", "", 2),
    "speaker_similarity": Measure("Speaker similarity", "Cosine of speaker embeddings, made and clean; 1 is the same."),
}
FIGURES = {
    "snr": "Metrics along the signal-to-noise ratio of what went in",
    "noises": "By type of noise, with intervals",
    "speakers": "By speaker, with intervals",
    "spectrograms": "An example: noisy, enhanced and clean speech as spectrograms",
    "history": "Training: losses and dev criteria by epoch",
    **{
        name: f"{measure.name} of all systems and baselines, with intervals"
        for name, measure in MEASURES.items()
        if name
        in ("estoi", "stoi", "si_sdr", "pesq", "dnsmos_ovrl", "ssnr", "covl", "distillmos", "speaker_similarity")
    },
}

_CMGAN = "CMGAN (ruizhecao96/CMGAN), table"
_SCALE = "CSIG, CBAK and COVL of these programs are about .1 too high (float samples where 16 bits are meant)"
PUBLISHED = (
    Published(
        "voicebank_demand",
        "noisy",
        {"pesq": 1.97, "csig": 3.35, "cbak": 2.44, "covl": 2.63, "ssnr": 1.68, "stoi": 0.921},
        "per-file log beside CMGAN's program",
    ),
    Published(
        "voicebank_demand",
        "MetricGAN+",
        {"pesq": 3.15, "csig": 4.14, "cbak": 3.16, "covl": 3.64, "stoi": 0.93},
        "speechbrain, recipe for VoiceBank; STOI by SEMamba's table",
        "trained for PESQ, so its PESQ is no judge",
    ),
    Published(
        "voicebank_demand",
        "BSRNN, 2.96 M parameters",
        {"pesq": 3.10, "ssnr": 9.56, "stoi": 0.95},
        "sungwon23/BSRNN (README)",
        "users report 3.07 (its issue 5)",
    ),
    Published(
        "voicebank_demand",
        "FastEnhancer-B, 91 K parameters",
        {"pesq": 3.13, "stoi": 0.945, "si_sdr": 19.0},
        "aask1357/fastenhancer (README)",
        "streaming",
    ),
    Published(
        "voicebank_demand",
        "CMGAN, 1.83 M parameters",
        {"pesq": 3.41, "csig": 4.63, "cbak": 3.94, "covl": 4.12, "ssnr": 11.10, "stoi": 0.96},
        _CMGAN,
        f"trained for PESQ; {_SCALE}",
    ),
    Published(
        "voicebank_demand",
        "MP-SENet, 2.05 M parameters",
        {"pesq": 3.50, "csig": 4.73, "cbak": 3.95, "covl": 4.22, "ssnr": 10.64, "stoi": 0.96},
        "MP-SENet (yxlu-0102/MP-SENet), table; Interspeech 2023",
        f"trained for PESQ; {_SCALE}",
    ),
)
