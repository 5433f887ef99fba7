"""Spectral envelopes by way of the cepstrum, and the minimum phase that belongs to a magnitude.

A log spectrum here is the natural log of a magnitude, (frames, bins), bins = size // 2 + 1.
"""

import numpy as np
from scipy import fft


def cepstral_envelope(log_spectrum: np.ndarray, order: int) -> np.ndarray:
    """Log spectra (frames, bins) smoothed by keeping the cepstrum up to quefrency `order` (samples)."""
    cepstrum = fft.irfft(log_spectrum, axis=1)
    cepstrum[:, order + 1 : cepstrum.shape[1] - order] = 0
    return fft.rfft(cepstrum, axis=1).real


def pitch_adaptive_envelope(power: np.ndarray, hz: np.ndarray, rate: int, order: int) -> np.ndarray:
    """Log magnitude envelopes (frames, bins) of power spectra (frames, bins) of voices with the pitch `hz` (frames,).

    The power is averaged over one harmonic spacing, which levels the harmonics without losing power, as in CheapTrick
    (Morise 2015, equation 4); then the cepstrum is kept up to `order`. Departures: the analysis window is fixed and not
    three periods long, the spacing is f0 and not 2/3 f0, and there is no spectral recovery.
    """
    bins = power.shape[1]
    half = hz[:, None] * (bins - 1) / rate  # half a harmonic spacing, in bins
    margin = int(half.max()) + 2
    mirrored = np.pad(power, ((0, 0), (margin, margin)), mode="reflect")
    total = np.pad(np.cumsum(mirrored, axis=1), ((0, 0), (1, 0)))
    middle = margin + np.arange(bins) + 0.5
    mean = (_between(total, middle + half) - _between(total, middle - half)) / (2 * half)
    return cepstral_envelope(0.5 * np.log(np.maximum(mean, np.finfo(float).tiny)), order)


def _between(rows: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Each row (frames, columns) at its own fractional places (frames, places), linearly interpolated."""
    low = np.minimum(place.astype(int), rows.shape[1] - 2)
    start = np.take_along_axis(rows, low, axis=1)
    return start + (place - low) * (np.take_along_axis(rows, low + 1, axis=1) - start)


def from_half_cepstrum(cepstrum: np.ndarray) -> np.ndarray:
    """The log spectra (frames, bins) whose real cepstrum has the non-negative half `cepstrum` (frames, bins)."""
    return fft.rfft(np.concatenate([cepstrum, cepstrum[:, -2:0:-1]], axis=1), axis=1).real


def minimum_phase(log_spectrum: np.ndarray) -> np.ndarray:
    """The minimum-phase response with the magnitude exp(log_spectrum): (frames, bins) -> (frames, bins) complex.

    The cepstrum is folded onto its causal half (Oppenheim and Schafer, Discrete-Time Signal Processing, section 13.5).
    """
    cepstrum = fft.irfft(log_spectrum, axis=1)
    half = cepstrum.shape[1] // 2
    cepstrum[:, 1:half] *= 2
    cepstrum[:, half + 1 :] = 0
    return np.exp(fft.rfft(cepstrum, axis=1))


def warp_frequency(log_spectrum: np.ndarray, factor: float) -> np.ndarray:
    """Log spectra (frames, bins) stretched along frequency: a peak at f moves to f * factor.

    Linear up to 85 % of the band and from there linear to the band's end, which stays in place, as in piece-wise linear
    vocal-tract length normalisation (Wegmann et al. 1996).
    """
    bins = np.arange(log_spectrum.shape[1])
    knee = 0.85 * bins[-1] * min(factor, 1.0)
    source = np.interp(bins, [0, knee, bins[-1]], [0, knee / factor, bins[-1]])
    low = np.minimum(source.astype(int), bins[-1] - 1)
    weight = source - low
    return log_spectrum[:, low] * (1 - weight) + log_spectrum[:, low + 1] * weight
