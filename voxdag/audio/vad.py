"""Voice activity detection: where in a recording somebody speaks.

    Silero at 0.5  ->  Silero at 0.3  ->  level of the frames  ->  nothing found
       "silero"         "silero_low"         "energy"                "none"

Source: Silero Team, "Silero VAD" (github.com/snakers4/silero-vad), release 6.2; the package holds the weights.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

from voxdag.core.errors import Refused
from voxdag.core.threads import one_thread

FRAMES = {8_000: 256, 16_000: 512}  # rate in Hz -> samples of one decision: 32 ms
THRESHOLD, LOW_THRESHOLD = 0.5, 0.3  # probability of speech: the network's own default, and for what it barely hears
ENERGY_RANGE = 30.0  # dB below the loudest frame; of 20 to 45 among the nearest to Silero's ends on RAVDESS
MIN_SPEECH, MIN_SILENCE = 250, 100  # ms: shorter speech is dropped, shorter silence belongs to the speech (defaults)
PAD = 30  # ms kept on either side of a segment, as far as the recording goes (default)

Segments = list[tuple[int, int]]


@dataclass(frozen=True)
class Speech:
    """status: silero, silero_low, energy, or none.  segments: (start, end) in samples, in order, without overlap."""

    status: str
    segments: Segments


def find_speech(wave: np.ndarray, rate: int) -> Speech:
    """The segments of the first step of the chain that finds any in a wave (n,).

    What Silero misses is shouting: of RAVDESS's 1,440 recordings 1,425 end at its first step, 4 at the second and 11
    at the third, all of strong intensity (6 angry, 5 fearful, 3 happy, 1 sad); of a few more shouts it hears only part.

    Raises Refused for a rate that is not 8,000 or 16,000 Hz, or no samples.
    """
    probabilities = speech_probabilities(wave, rate)
    for status, threshold in (("silero", THRESHOLD), ("silero_low", LOW_THRESHOLD)):
        if found := _segments(probabilities, threshold, len(wave), rate):
            return Speech(status, found)
    found = energy_segments(wave, rate)
    return Speech("energy" if found else "none", found)


def speech_segments(wave: np.ndarray, rate: int, threshold: float) -> Segments:
    """Where Silero's probability of speech passes `threshold` in (n,) float32: (start, end) in samples.

    A segment ends where the probability stays 0.15 below `threshold` for MIN_SILENCE.

    Raises Refused for a rate that is not 8,000 or 16,000 Hz, or no samples.
    """
    return _segments(speech_probabilities(wave, rate), threshold, len(wave), rate)


def speech_probabilities(wave: np.ndarray, rate: int) -> np.ndarray:
    """Silero's probability of speech in each 32 ms of (n,), the last filled up with zeros: (frames,) float32.

    It depends on the wave alone: the network forgets what it heard before, and one thread sums in one order.

    Raises Refused for a rate that is not 8,000 or 16,000 Hz, or no samples.
    """
    whole = torch.from_numpy(_frames(wave, rate).astype(np.float32)).reshape(1, -1)
    with one_thread():
        return _silero().audio_forward(whole, rate)[0].numpy()


def energy_segments(wave: np.ndarray, rate: int) -> Segments:
    """Where the level of (n,) is within ENERGY_RANGE of the loudest 32 ms; empty where it tells nothing.

    It tells nothing where no frame falls below the range (steady noise) or only moments lie within it (a click).

    Raises Refused for a rate that is not 8,000 or 16,000 Hz, or no samples.
    """
    power = np.mean(np.square(_frames(wave, rate), dtype=np.float64), axis=1)
    active = power > power.max() * 10 ** (-ENERGY_RANGE / 10)
    return [] if active.all() else _segments(active.astype(np.float32), THRESHOLD, len(wave), rate)


def _segments(probabilities: np.ndarray, threshold: float, samples: int, rate: int) -> Segments:
    found = _package().get_speech_timestamps_from_probs(
        probabilities.tolist(),
        sampling_rate=rate,
        threshold=threshold,
        min_speech_duration_ms=MIN_SPEECH,
        min_silence_duration_ms=MIN_SILENCE,
        speech_pad_ms=PAD,
        audio_length_samples=samples,
    )
    return [(segment["start"], segment["end"]) for segment in found]


def _frames(wave: np.ndarray, rate: int) -> np.ndarray:
    """(n,) -> (frames, samples of a decision), the last filled up with zeros."""
    if rate not in FRAMES:
        raise Refused(f"voice activity detection at {rate} Hz: expected {' or '.join(map(str, FRAMES))} Hz")
    if len(wave) == 0:
        raise Refused("voice activity detection in a wave of 0 samples")
    return np.pad(wave, (0, -len(wave) % FRAMES[rate])).reshape(-1, FRAMES[rate])


@functools.cache
def _silero() -> torch.jit.ScriptModule:
    return _package().load_silero_vad()


@functools.cache
def _package() -> ModuleType:
    with one_thread():  # its import sets the process's number of threads
        import silero_vad
    return silero_vad
