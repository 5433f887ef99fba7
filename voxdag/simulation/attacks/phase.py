"""Attacks that keep magnitudes and invent phases: what text-to-speech without a vocoder does with its mel spectra."""

import numpy as np

from voxdag.audio.spectra import istft, mel_blur, stft

RATE = 16_000  # Hz
SIZE = 1024  # samples, 64 ms
HOP = 256  # samples


def griffin_lim_from_mel(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Invert 64 to 96 mel bands by 3 to 6 rounds of Griffin-Lim (1984) from random phases, as Tacotron (2017) does."""
    magnitude = mel_blur(np.abs(stft(wave, SIZE, HOP)), int(rng.integers(64, 97)), RATE)
    return griffin_lim(magnitude, int(rng.integers(3, 7)), HOP, len(wave), rng)


def griffin_lim(magnitude: np.ndarray, rounds: int, hop: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A wave (samples,) whose STFT magnitude nears `magnitude` (frames, bins): project on waves, reset, repeat."""
    spectrum = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(rounds):
        estimate = stft(istft(spectrum, hop, samples), 2 * (magnitude.shape[1] - 1), hop)
        spectrum = magnitude * estimate / np.maximum(np.abs(estimate), 1e-12)
    return istft(spectrum, hop, samples)


def single_pass_phase(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Invert 80 to 128 mel bands by phases that each spectral peak accumulates at its own frequency."""
    magnitude = mel_blur(np.abs(stft(wave, SIZE, HOP)), int(rng.integers(80, 129)), RATE)
    return istft(magnitude * np.exp(1j * accumulated_phase(magnitude, HOP)), HOP, len(wave))


def accumulated_phase(magnitude: np.ndarray, hop: int) -> np.ndarray:
    """Phases (frames, bins) in radians of stationary sinusoids, one per peak of each frame's magnitude (frames, bins).

    Single-pass spectrogram inversion (Beauregard, Harish and Wyse 2015): a peak's frequency, by a parabola, turns the
    phase on by one hop; the bins nearest to a peak follow it, with alternating sign as in a Hann window's main lobe.
    """
    peak = nearest_peaks(magnitude)
    advance = 2 * np.pi * hop * (peak + _offset(magnitude, peak)) / (2 * (magnitude.shape[1] - 1))
    phase = np.cumsum(advance, axis=0)
    bins = np.arange(magnitude.shape[1])
    return np.take_along_axis(phase, peak, axis=1) + np.pi * ((bins - peak) % 2)


def nearest_peaks(magnitude: np.ndarray) -> np.ndarray:
    """For each bin, the bin of its frame's nearest local maximum, or itself in a frame without one: (frames, bins)."""
    inner = magnitude[:, 1:-1]
    is_peak = np.zeros(magnitude.shape, dtype=bool)
    is_peak[:, 1:-1] = (inner >= magnitude[:, :-2]) & (inner > magnitude[:, 2:])
    bins = np.arange(magnitude.shape[1])
    far = 2 * len(bins)
    below = np.maximum.accumulate(np.where(is_peak, bins, -far), axis=1)
    above = np.minimum.accumulate(np.where(is_peak, bins, far)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(bins - below <= above - bins, below, above)
    return np.where(is_peak.any(axis=1, keepdims=True), nearest, bins)


def _offset(magnitude: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """How far from the bin `peak` the top of the parabola through it and its neighbours lies, within half a bin."""
    middle = np.clip(peak, 1, magnitude.shape[1] - 2)
    left, top, right = (np.take_along_axis(magnitude, middle + step, axis=1) for step in (-1, 0, 1))
    return np.clip(0.5 * (right - left) / np.maximum(2 * top - left - right, 1e-12), -0.5, 0.5)


def stretch_and_return(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the speaking rate by 15 to 45 %, slower or faster, and change it back, both by phase vocoder."""
    factor = float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.15), np.log(1.45))))
    stretched = time_stretch(wave, round(len(wave) * factor))
    return time_stretch(stretched, len(wave))


def time_stretch(wave: np.ndarray, samples: int) -> np.ndarray:
    """The wave at another speed, `samples` long, its pitch kept: phase vocoder (Flanagan and Golden 1966).

    Magnitudes are interpolated between frames; each bin's phase runs on at the frequency measured there. Nothing holds
    the bins around a peak together: they drift apart (the phasiness of Laroche and Dolson 1999).
    """
    spectrum = stft(wave, SIZE, HOP)
    place = np.linspace(0, len(spectrum) - 1.001, samples // HOP + 1)
    low, weight = place.astype(int), (place % 1)[:, None]
    magnitude, angle = np.abs(spectrum), np.angle(spectrum)
    turn = np.diff(angle, axis=0)  # per hop, but for whole turns, which do not matter
    phase = angle[0] + np.pad(np.cumsum(turn[low[:-1]], axis=0), ((1, 0), (0, 0)))
    return istft((magnitude[low] * (1 - weight) + magnitude[low + 1] * weight) * np.exp(1j * phase), HOP, samples)
