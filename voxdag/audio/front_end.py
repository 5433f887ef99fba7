"""The audio front end: what happens to a recording between decoding and packing.

decoded  ->  denoise  ->  voice activity  ->  cut  ->  packed
    \\__ loudness, level of the speech: before any change
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voxdag.audio import vad
from voxdag.audio.decode import INT16_SCALE, BadAudio, to_int16
from voxdag.audio.denoise import spectral_gate
from voxdag.audio.loudness import loudness, rms_db
from voxdag.core import bounds
from voxdag.core.errors import Refused

DENOISE = ("none", "spectral_gate", "demucs")
VAD = ("none", "trim", "speech")

Enhance = Callable[[np.ndarray], np.ndarray]  # (n,) float32 -> (n,)


@dataclass(frozen=True)
class FrontEnd:
    """How recordings are cleaned and cut.

    denoise      none, spectral_gate, or demucs (a network)
    vad          none: kept whole.  trim: from the first speech to the last, since pauses carry emotion.
                 speech: the stretches of speech joined, without the pauses
    max_seconds  of what is left; null for no limit
    min_seconds  of what is left

    Raises Refused for other values.
    """

    denoise: str
    vad: str
    max_seconds: float | None
    min_seconds: float

    def __post_init__(self) -> None:
        bounds.one_of(self, DENOISE, "denoise")
        bounds.one_of(self, VAD, "vad")
        bounds.at_least(self, 0, "min_seconds")
        if self.max_seconds is not None and self.max_seconds <= self.min_seconds:
            raise Refused(f"max_seconds is {self.max_seconds}, expected more than min_seconds {self.min_seconds}")


@dataclass(frozen=True)
class Processed:
    """samples: (m,) int16; stretches: of the decoded recording, those that the samples are, one after the other.

    columns:
      vad_status      which step found the speech: silero, silero_low, energy; none: no step did, and the whole
                      recording stays; off: not asked for
      speech_start    of the first speech and
      speech_end      of the last, s in the decoded recording, with vad.PAD ms on either side where there is so much
      speech_seconds  of speech between them, without the pauses
      loudness        LUFS of the decoded recording, before any change
      rms_db          dB re full scale of the decoded recording where there is speech; both NaN for silence
    """

    samples: np.ndarray
    columns: dict[str, object]
    stretches: vad.Segments


def process(samples: np.ndarray, rate: int, settings: FrontEnd, enhance: Enhance | None = None) -> Processed:
    """Denoise and cut a decoded recording (n,) int16 at `rate` Hz, and measure it. `enhance` is the network of demucs.

    Without denoising, the samples that are kept are those that were decoded.

    Raises BadAudio where what is left is shorter than min_seconds or longer than max_seconds, and ValueError for demucs
    without its network, or a rate that voice activity detection does not know.
    """
    decoded = samples / np.float32(INT16_SCALE)
    clean = denoised(samples, rate, settings.denoise, enhance)
    speech = found_speech(clean / np.float32(INT16_SCALE), rate, settings.vad)
    spoken = joined(decoded, speech.segments)
    start, end = speech.segments[0][0], speech.segments[-1][1]
    stretches = speech.segments if settings.vad == "speech" else [(start, end)]
    kept = joined(clean, stretches)
    check_length(len(kept) / rate, settings)
    columns = {"vad_status": speech.status, "speech_start": start / rate, "speech_end": end / rate}
    columns |= {"speech_seconds": len(spoken) / rate, "loudness": loudness(decoded, rate), "rms_db": rms_db(spoken)}
    return Processed(kept, columns, stretches)


def denoised(samples: np.ndarray, rate: int, method: str, enhance: Enhance | None) -> np.ndarray:
    """(n,) int16 -> (n,) int16. Raises Refused for demucs without a network, or one that changes the length."""
    if method == "none":
        return samples
    if method == "demucs" and enhance is None:
        raise Refused("denoise is 'demucs', but no network to enhance with was given")
    wave = samples / np.float32(INT16_SCALE)
    enhanced = enhance(wave) if method == "demucs" else spectral_gate(wave, rate)  # type: ignore[misc]
    if enhanced.shape != wave.shape:
        raise Refused(f"the network made {enhanced.shape} of a wave of shape {wave.shape}")
    return to_int16(enhanced)[0]


def found_speech(wave: np.ndarray, rate: int, method: str) -> vad.Speech:
    """Where there is speech in (n,): the whole recording where none is found, or looked for (status off)."""
    whole = [(0, len(wave))]
    if method == "none":
        return vad.Speech("off", whole)
    speech = vad.find_speech(wave, rate)
    return vad.Speech(speech.status, speech.segments or whole)


def joined(samples: np.ndarray, segments: vad.Segments) -> np.ndarray:
    """The segments of (n,) one after the other: (m,)."""
    return np.concatenate([samples[start:end] for start, end in segments])


def check_length(seconds: float, settings: FrontEnd) -> None:
    """Raises BadAudio outside min_seconds to max_seconds."""
    if seconds < settings.min_seconds:
        raise BadAudio(f"{seconds:.4f} s of speech, shorter than min_seconds {settings.min_seconds}")
    if settings.max_seconds is not None and seconds > settings.max_seconds:
        raise BadAudio(f"{seconds:.4f} s of speech, longer than max_seconds {settings.max_seconds}")
