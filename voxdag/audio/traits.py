"""What a recording is like apart from what is said and by whom: length, level, silence at its ends, traces of a codec.

Where such a trait differs between the classes of a corpus, a network may learn it instead of the task: Mueller et al.,
"Speech is silver, silence is golden: what do ASVspoof-trained models really learn?", ASVspoof workshop 2021, arXiv
2106.12914 (silence at the ends).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import welch

FRAME = 0.02  # s
RANGE_DB = 40.0  # below the loudest frame: quieter frames at the ends are silence
QUIET_SHARE = 0.1  # of the frames, whose level is the noise floor
BAND_DB = 60.0  # below the strongest frequency: above the last that is within, nothing is heard
BINS = 1024  # of a spectrum
LOWEST_DB = -100.0  # of a level: digital silence has none

Trait = Callable[[np.ndarray, int], float]


def seconds(wave: np.ndarray, rate: int) -> float:
    """Length."""
    return wave.size / rate


def level(wave: np.ndarray, rate: int) -> float:
    """Root mean square, dB re full scale."""
    return _db(np.mean(np.square(wave)))


def peak(wave: np.ndarray, rate: int) -> float:
    """Largest sample, dB re full scale."""
    return _db(np.max(np.abs(wave)) ** 2)


def leading_silence(wave: np.ndarray, rate: int) -> float:
    """Seconds before the first frame within RANGE_DB of the loudest."""
    return float(_loud(wave, rate).argmax()) * FRAME


def trailing_silence(wave: np.ndarray, rate: int) -> float:
    """Seconds behind the last such frame."""
    return float(_loud(wave, rate)[::-1].argmax()) * FRAME


def noise_floor(wave: np.ndarray, rate: int) -> float:
    """Level of the quietest frames, dB re full scale."""
    powers = np.sort(_powers(wave, rate))
    return _db(powers[: max(1, round(QUIET_SHARE * powers.size))].mean())


def offset(wave: np.ndarray, rate: int) -> float:
    """The mean (DC), dB re full scale."""
    return _db(np.mean(wave) ** 2)


def zeros(wave: np.ndarray, rate: int) -> float:
    """Share of samples that are 0."""
    return float(np.mean(wave == 0))


def bandwidth(wave: np.ndarray, rate: int) -> float:
    """Hz, the highest frequency whose mean power is within BAND_DB of the strongest."""
    hz, powers = welch(wave, rate, "blackmanharris", nperseg=min(BINS, wave.size))
    heard = np.flatnonzero(powers > powers.max() * 10 ** (-BAND_DB / 10))
    return float(hz[heard[-1]]) if heard.size else 0.0


TRAITS: Mapping[str, Trait] = {
    "seconds": seconds,
    "level": level,
    "peak": peak,
    "leading_silence": leading_silence,
    "trailing_silence": trailing_silence,
    "noise_floor": noise_floor,
    "offset": offset,
    "zeros": zeros,
    "bandwidth": bandwidth,
}


def of(wave: np.ndarray, rate: int) -> dict[str, float]:
    """All traits of a wave (n,), full scale at 1, of one sample or more."""
    return {name: trait(wave, rate) for name, trait in TRAITS.items()}


def _db(power: float) -> float:
    return max(LOWEST_DB, float(10 * np.log10(power))) if power > 0 else LOWEST_DB


def _powers(wave: np.ndarray, rate: int) -> np.ndarray:
    size = max(1, round(FRAME * rate))
    return np.square(np.pad(wave, (0, -wave.size % size)).reshape(-1, size)).mean(axis=1)


def _loud(wave: np.ndarray, rate: int) -> np.ndarray:
    powers = _powers(wave, rate)
    return powers >= powers.max() * 10 ** (-RANGE_DB / 10)
