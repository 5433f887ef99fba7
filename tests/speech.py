"""Speech by formula, and what makes it worse: the waves of golden values, which no recording has to stand for.

All are on the grid of 16 bits, so what a processor's sine ends in is rounded away.
"""

import numpy as np
from scipy.signal import lfilter

RATE = 16_000
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))  # formants, Hz
SYLLABLE, PAUSE = 0.22, 0.08  # seconds


def spoken(seconds, pitch, tract=1.0):
    """Syllables of vowels whose pitch falls: float32 (n,), full scale at 1. tract: a factor on the formants."""
    time = np.arange(round(seconds * RATE)) / RATE
    f0 = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time) - 0.06 * time)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    number, within = np.divmod(time, SYLLABLE + PAUSE)
    loud = np.sin(np.pi * np.clip(within / SYLLABLE, 0, 1)) ** 0.5
    formants = tract * np.array(VOWELS)[number.astype(int) % len(VOWELS)]  # (n, 3)
    wave = np.zeros(time.size)
    for harmonic in range(1, 40):
        hz = harmonic * f0
        peaks = 1 / (1 + ((hz[:, None] - formants) / (60 + 0.05 * formants)) ** 2)
        wave += np.where(hz < 7000, (peaks @ (1.0, 0.6, 0.3) + 0.003) / harmonic**0.5, 0) * np.sin(harmonic * phase)
    breath = 0.0005 * noise(time.size, round(pitch))  # so that pauses are no digital silence
    return in_16_bits(0.5 * loud * wave / np.abs(wave).max() + breath)


def noise(samples, seed, pole=0.0):
    """White noise, or through one pole coloured: (n,)."""
    white = np.random.default_rng(seed).integers(-(2**15), 2**15, samples) / 2**15
    return lfilter([1.0], [1.0, -pole], white)


def mixed(clean, other, decibel):
    """Clean speech with another wave, at a ratio in dB."""
    gain = np.sqrt(np.mean(clean**2) / np.mean(other**2)) * 10 ** (-decibel / 20)
    return in_16_bits(clean + gain * other)


def subtracted(noisy):
    """Spectral subtraction of the mean of the first frames: musical noise."""
    window = np.hanning(513)[:-1]
    starts = range(0, noisy.size - 511, 128)
    bins = np.fft.rfft([window * noisy[start : start + 512] for start in starts])
    floor = np.abs(bins[:6]).mean(0)
    bins *= np.maximum(1 - 1.5 * floor / np.maximum(np.abs(bins), 1e-9), 0.05)
    made = np.zeros(noisy.size)
    for start, frame in zip(starts, np.fft.irfft(bins), strict=True):
        made[start : start + 512] += frame * window / 1.5
    return in_16_bits(made)


def in_16_bits(wave):
    return (np.clip(np.rint(wave * 2**15), -(2**15), 2**15 - 1) / 2**15).astype(np.float32)


def silenced(wave):
    """Digital silence in its middle."""
    made = wave.copy()
    made[wave.size // 3 : wave.size // 2] = 0
    return made


def pairs():
    """The cases of tests/golden/enhancement.json: name -> (clean, enhanced)."""
    man, woman = spoken(2.0, 110), spoken(1.7, 205, tract=1.15)
    n, m = man.size, woman.size
    crowd = spoken(2.0, 150, 1.05)[::-1] + np.roll(spoken(2.0, 230, 1.2), 3000)
    return {
        "bright_10_db": (man, mixed(man, noise(n, 1, 0.6), 10)),
        "coloured_15_db": (woman, mixed(woman, noise(m, 2, 0.95), 15)),
        "crowd_10_db": (man, mixed(man, crowd, 10)),
        "subtracted": (woman, subtracted(mixed(woman, noise(m, 3, 0.6), 15))),
        "clipped": (man, in_16_bits(np.clip(mixed(man, noise(n, 4, 0.9), 25), -0.2, 0.2))),
        "quarter_level": (woman, in_16_bits(0.25 * mixed(woman, noise(m, 5, 0.8), 20))),
        "digital_silence": (woman, silenced(mixed(woman, noise(m, 6, 0.8), 5))),
        "identical": (man, man),
    }
