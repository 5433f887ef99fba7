"""The traces of neural decoders, each made by the signal processing that causes it there."""

import numpy as np
from scipy import ndimage, signal

from voxdag.audio.pitch import track_pitch, voice_phase
from voxdag.audio.spectra import istft, stft, time_varying_filter
from voxdag.simulation.cepstrum import cepstral_envelope
from voxdag.simulation.mdct import imdct, mdct

RATE = 16_000  # Hz
SIZE = 1024  # samples, 64 ms
HOP = 160  # samples, 10 ms
FLOOR = 1e-6  # added to magnitudes before the logarithm
MU = 255  # of the mu-law, ITU-T G.711's North American curve
EMPHASIS = 0.85  # before the mu-law, as in LPCNet (Valin and Skoglund 2019)


def mu_law_samples(wave: np.ndarray, levels: int, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """A wave (samples,) as an autoregressive network draws it: each sample one of `levels` mu-law classes.

    The wave is pre-emphasised before and de-emphasised after, which lowers the noise where the speech is faint (Valin
    and Skoglund 2019, section 3.4).

    The drawn class is off by normal noise of `temperature` classes, which also keeps pauses from falling silent.
    """
    emphasised = signal.lfilter([1, -EMPHASIS], [1], wave)
    peak = np.abs(emphasised).max()
    bent = np.sign(emphasised) * np.log1p(MU * np.abs(emphasised) / peak) / np.log1p(MU)
    drawn = np.rint(bent * levels / 2 + temperature * rng.standard_normal(len(wave))) / (levels / 2)
    straight = np.sign(drawn) * np.expm1(np.abs(drawn) * np.log1p(MU)) / MU * peak
    return signal.lfilter([1], [1, -EMPHASIS], straight)


def autoregressive(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Samples of 8 bits at the full rate, as WaveNet (2016) and WaveRNN (2018) draw them."""
    return mu_law_samples(wave, 256, float(rng.uniform(1.0, 2.0)), rng)


def upsampled_decoder(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8-bit samples at 8 kHz brought to 16 kHz by a short transposed convolution.

    Zeros between the samples mirror the spectrum about 4 kHz; a kernel of three taps leaves much of that image, and
    unequal taps for even and odd samples add more (the checkerboard of Odena et al. 2016; for audio, Pons et al. 2021).
    """
    half_rate = mu_law_samples(signal.resample_poly(wave, 1, 2), 256, float(rng.uniform(0.5, 1.5)), rng)
    side, uneven = rng.uniform(0.30, 0.45), rng.uniform(-0.08, 0.08)
    return transposed_convolution(half_rate, np.array([side + uneven, 1.0, side - uneven]))[: len(wave)]


def transposed_convolution(wave: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Stride-2 transposed convolution, centred: (samples,) -> (2 * samples,), the kernel of odd length."""
    spread = np.zeros(2 * len(wave))
    spread[::2] = wave
    return np.convolve(spread, kernel, mode="same")


def sine_excitation(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Neural source-filter synthesis (Wang, Takaki and Yamagishi 2019) with its learnt filter played by ideal ones.

    The source is eight harmonics and faint noise while voiced, noise otherwise; a saturating layer makes higher
    harmonics of it; zero-phase filters then give each frame the utterance's envelope, averaged over 30 to 50 ms.
    """
    pitch = track_pitch(wave, RATE, HOP)
    voiced = np.repeat(pitch.voiced, HOP)[: len(wave)]
    phase = 2 * np.pi * voice_phase(pitch.hz, HOP, RATE, len(wave))
    start = rng.uniform(0, 2 * np.pi)
    harmonics = sum(np.sin(order * phase + start) for order in range(1, 9)) * voiced
    noise = rng.standard_normal(len(wave)) * np.where(voiced, rng.uniform(0.1, 0.3), 1.0)
    source = np.tanh(harmonics + noise)
    wanted, given = (cepstral_envelope(np.log(np.abs(stft(part, SIZE, HOP)) + FLOOR), 30) for part in (wave, source))
    wanted = ndimage.uniform_filter1d(wanted, int(rng.choice([3, 5])), axis=0)
    return time_varying_filter(source, np.exp(wanted - given), HOP)


def codec_tokens(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A codec's few tokens: MDCT coefficients of 20 to 32 ms blocks, each one of 3 levels within its band.

    Bands of 16 coefficients are scaled by their RMS, which three blocks share; what is rounded to zero is filled with
    noise of the lost power.
    """
    bands = int(rng.choice([320, 400, 512]))
    coefficients = mdct(wave, bands)
    return imdct(three_levels(coefficients, rng), len(wave))


def three_levels(coefficients: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients (blocks, bands) as -1, 0, or 1 steps of 1.2 RMS of 16 bands by 3 blocks, the zeros noise-filled."""
    blocks, bands = coefficients.shape
    grouped = np.pad(coefficients, ((0, 0), (0, -bands % 16))).reshape(blocks, -1, 16)
    power = ndimage.uniform_filter1d(np.mean(grouped**2, axis=2, keepdims=True), 3, axis=0)
    step = 1.2 * np.sqrt(np.maximum(power, 1e-24))
    level = np.clip(np.rint(grouped / step), -1, 1)
    lost = np.where(level == 0, grouped**2, 0).sum(axis=2, keepdims=True)
    fill = np.sqrt(lost / np.maximum((level == 0).sum(axis=2, keepdims=True), 1))
    filled = np.where(level == 0, fill * rng.uniform(-1.7, 1.7, grouped.shape), level * step)
    return filled.reshape(blocks, -1)[:, :bands]


def folded_high_band(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hallucinated upper band: above 3.6 to 4.6 kHz the fine structure is the lower band's, mirrored.

    Spectral folding (Makhoul and Berouti 1979), as upsampling layers do it: harmonics go on where there was noise,
    out of step with the pitch, falling where it rises. The envelope up there is smoothed over frequency and 90 ms.
    """
    spectrum = stft(wave, SIZE, HOP)
    log_spectrum = np.log(np.abs(spectrum) + FLOOR)
    cut = int(rng.uniform(3600, 4600) * SIZE / RATE)
    target = np.arange(cut, spectrum.shape[1])
    source = np.maximum(2 * cut - target, 1)
    height = ndimage.uniform_filter1d(cepstral_envelope(log_spectrum, 8)[:, cut:], 9, axis=0)
    white = np.conj(spectrum[:, source]) * np.exp(-cepstral_envelope(log_spectrum, 25)[:, source])
    turn = np.exp(2j * np.pi * np.arange(len(spectrum))[:, None] * HOP * 2 * cut / SIZE)  # keeps frames in step
    spectrum[:, cut:] = white * turn * np.exp(height)
    return istft(spectrum, HOP, len(wave))
