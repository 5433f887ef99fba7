"""Weighted spectral slope distance (WSS): how the spectra of two waves rise and fall over critical bands.

Source: Klatt, "Prediction of perceived phonetic distance from critical-band spectra: a first step", ICASSP 1982, in the
form of `composite.m` (Hu and Loizou 2008), which published figures are made with. It takes samples with full scale at
1: ports that divide these by 32768 once more floor quiet bands, and report distances that are much too small.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import fft

from voxdag.scoring.segmental import RATE

# Hz, of the critical bands from low to high; a band's centre lies one width of the band below it above that one's
BANDWIDTHS = (
    *(70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914),
    *(140.423, 153.823, 168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136),
)
FIRST_CENTRE = 50.0  # Hz
SHARPNESS = 11.0  # of the Gaussian filters: e^(-11 (distance / bandwidth)^2)
FILTER_FLOOR = np.exp(-30 / (2 * 2.303))  # a weight at most as large is 0; the program calls it -30 dB
ENERGY_FLOOR = 1e-10  # of a band: -100 dB
TRANSFORM = 1024  # points
GLOBAL, LOCAL = 20.0, 1.0  # dB, Klatt's Kmax and Klocmax: how fast the weight falls below the highest and nearest peak


def wss_of_frames(clean: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """The distance of windowed frames (F, size): (F,), dB^2.

        sum_k w(k) (slope_c(k) - slope_p(k))^2 / sum_k w(k)

    slope(k) is the level of band k + 1 less that of band k, w the mean of the weights of both (see `weights`).
    """
    levels = [band_levels(frames) for frames in (clean, enhanced)]  # (F, bands)
    slopes = [np.diff(of_one, axis=1) for of_one in levels]  # (F, bands - 1)
    weight = sum(weights(*pair) for pair in zip(levels, slopes, strict=True)) / 2
    return (weight * (slopes[0] - slopes[1]) ** 2).sum(axis=1) / weight.sum(axis=1)  # type: ignore[union-attr]


def band_levels(frames: np.ndarray) -> np.ndarray:
    """Level of each critical band of windowed frames (F, size): (F, bands), dB."""
    power = np.abs(fft.rfft(frames, TRANSFORM, axis=1)[:, : TRANSFORM // 2]) ** 2
    return 10 * np.log10(np.maximum(power @ filters(), ENERGY_FLOOR))


def weights(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Klatt's weight of each slope, large near peaks: (F, bands), (F, bands - 1) -> (F, bands - 1).

    20 / (20 + highest - level) * 1 / (1 + peak - level), levels in dB.
    """
    below = levels[:, :-1]
    highest = levels.max(axis=1, keepdims=True)
    return GLOBAL / (GLOBAL + highest - below) * LOCAL / (LOCAL + nearest_peaks(levels, slopes) - below)


def nearest_peaks(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Level of the peak next to each band, uphill: (F, bands), (F, bands - 1) -> (F, bands - 1).

    A band whose slope falls has its peak to the left, at the first band of the fall. For one whose slope rises
    `composite.m` takes the last band that still rises, one before the peak to the right; so does this.
    """
    bands = np.arange(slopes.shape[1])
    rises = slopes > 0
    first_of_fall = np.maximum.accumulate(np.where(rises, bands + 1, 0), axis=1)
    last_of_rise = np.minimum.accumulate(np.where(rises, bands[-1], bands - 1)[:, ::-1], axis=1)[:, ::-1]
    return np.take_along_axis(levels, np.where(rises, last_of_rise, first_of_fall), axis=1)


@functools.cache
def filters() -> np.ndarray:
    """Gaussian critical-band filters over the bins of a transform, each of the same sum: (TRANSFORM // 2, bands)."""
    widths = np.array(BANDWIDTHS)
    centres = FIRST_CENTRE + np.concatenate([[0], np.cumsum(widths[:-1])])
    bin_width = RATE / TRANSFORM
    distance = np.arange(TRANSFORM // 2)[:, None] - np.floor(centres / bin_width)
    weight = widths[0] / widths * np.exp(-SHARPNESS * (distance / (widths / bin_width)) ** 2)
    return np.where(weight > FILTER_FLOOR, weight, 0.0)
