"""Fundamental frequency: a tracker, and the phase of the voice that follows from its track."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, signal

from voxdag.audio.spectra import frame
from voxdag.core.errors import Refused

CANDIDATES = 4  # correlation peaks that compete in each frame
OCTAVE_COST = 0.10  # taken off the correlation at the longest lag, so that a period beats its multiples
JUMP_COST = 0.35  # per octave between neighbouring frames
VOICED_ABOVE = 0.55  # correlation from which a frame is voiced


@dataclass(frozen=True)
class Pitch:
    """`hz` (frames,): fundamental frequency in Hz, interpolated where the voice rests; `voiced` (frames,): bool."""

    hz: np.ndarray
    voiced: np.ndarray


def track_pitch(wave: np.ndarray, rate: int, hop: int, low: float = 60.0, high: float = 400.0) -> Pitch:
    """Track the fundamental frequency of a wave (samples,), one value per `hop` samples (samples // hop + 1).

    Normalised cross-correlation of 25 ms with itself one lag later, its best peaks joined by dynamic programming (the
    plan of RAPT, Talkin 1995, with our own costs). Frames whose correlation is low, or 50 dB below the loudest, are
    unvoiced. A wave without a voiced frame has the middle of the range (geometric mean) throughout.

    Raises Refused unless 0 < low < high < rate / 4.
    """
    if not 0 < low < high < rate / 4:
        raise Refused(f"pitch range {low} to {high} Hz does not lie within 0 to {rate / 4} Hz")
    smooth = signal.sosfiltfilt(signal.butter(2, [50, 1000], "bandpass", fs=rate, output="sos"), wave)
    lags = np.arange(int(rate / high) - 1, int(rate / low) + 3)
    correlation, energy = _cross_correlation(smooth, lags, int(0.025 * rate), hop)
    period, strength = _best_path(*_peaks(correlation, lags))
    voiced = (strength > VOICED_ABOVE) & (energy > 1e-5 * energy.max())
    voiced = ndimage.median_filter(voiced.astype(int), 3) > 0
    if not voiced.any():
        return Pitch(np.full(len(voiced), np.sqrt(low * high)), voiced)
    hz = np.clip(rate / period, low, high)
    return Pitch(np.interp(np.arange(len(hz)), np.flatnonzero(voiced), hz[voiced]), voiced)


def _cross_correlation(wave: np.ndarray, lags: np.ndarray, size: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalised correlation (frames, lags) of the first `size` samples of each frame with those a lag later."""
    frames = frame(wave, size + lags[-1], hop)
    points = fft.next_fast_len(frames.shape[1], real=True)
    product = np.conj(fft.rfft(frames[:, :size], points, axis=1)) * fft.rfft(frames, points, axis=1)
    total = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    later = total[:, lags + size] - total[:, lags]
    energy = total[:, size]
    scale = np.sqrt(np.maximum(energy[:, None] * later, 0)) + 1e-9 * max(energy.max(), np.finfo(float).tiny)
    return fft.irfft(product, points, axis=1)[:, lags] / scale, energy


def _peaks(correlation: np.ndarray, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lag (parabola through three points) and height of the best peaks of each frame: (frames, CANDIDATES) twice."""
    left, middle, right = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    is_peak = (middle >= left) & (middle > right)
    score = np.where(is_peak, middle * (1 - OCTAVE_COST * lags[1:-1] / lags[-1]), -1.0)
    best = np.argpartition(-score, CANDIDATES, axis=1)[:, :CANDIDATES]
    left, middle, right = (np.take_along_axis(side, best, axis=1) for side in (left, middle, right))
    bend = np.maximum(2 * middle - left - right, 1e-9)
    shift = np.clip(0.5 * (right - left) / bend, -0.5, 0.5)
    return lags[1:-1][best] + shift, np.take_along_axis(score, best, axis=1)


def _best_path(periods: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One candidate per frame so that the sum of the scores less the cost of the jumps is highest (Viterbi)."""
    octaves = np.log2(periods)
    total, back = scores[0], np.zeros(scores.shape, dtype=int)
    for t in range(1, len(scores)):
        arrive = total[None, :] - JUMP_COST * np.abs(octaves[t][:, None] - octaves[t - 1][None, :])
        back[t] = arrive.argmax(axis=1)
        total = arrive.max(axis=1) + scores[t]
    path = np.zeros(len(scores), dtype=int)
    path[-1] = total.argmax()
    for t in range(len(scores) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    rows = np.arange(len(scores))
    return periods[rows, path], scores[rows, path]


def voice_phase(hz: np.ndarray, hop: int, rate: int, samples: int) -> np.ndarray:
    """Phase in cycles at every sample (samples,) of a voice whose frequency at sample t * hop is hz[t]."""
    return np.cumsum(np.interp(np.arange(samples), np.arange(len(hz)) * hop, hz)) / rate


def pulse_train(phase: np.ndarray) -> np.ndarray:
    """Pulses of unit power (samples,): one where `phase` (cycles) passes a whole number, of height sqrt(period)."""
    crossings = np.flatnonzero(np.diff(np.floor(phase), prepend=np.floor(phase[0])) > 0)
    steps = np.diff(phase, prepend=2 * phase[0] - phase[1])
    pulses = np.zeros(len(phase))
    pulses[crossings] = 1 / np.sqrt(steps[crossings])
    return pulses
