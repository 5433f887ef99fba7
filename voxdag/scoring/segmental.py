"""Segmental measures of a clean and an enhanced wave: SSNR, LLR, and the frames that they and WSS are made of.

Frames of 30 ms every 7.5 ms, Hann-windowed; the last full frame is left out, as in `composite.m`. Samples have full
scale at 1. Source: Hu and Loizou, "Evaluation of objective quality measures for speech enhancement", IEEE Trans. ASLP
16 (2008), and the program that came with it (`composite.m`), which published figures are made with.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import fft

RATE = 16000  # Hz
SIZE, HOP = 480, 120  # samples of a frame and between two: 30 and 7.5 ms
WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, SIZE + 1) / (SIZE + 1))  # without the zeros at its ends
BLOCK = 256  # frames at once: their spectra stay in the cache, and memory is bounded
SSNR_RANGE = (-10.0, 35.0)  # dB, of a frame
ORDER = 16  # of linear prediction, for rates from 10 kHz on
TRANSFORM = 512  # points: SIZE + ORDER or more, so that lags up to ORDER do not wrap round
LOWEST = 0.95  # share of the frames, those of the least distance, that LLR and WSS are means of


def blocks(*waves: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Windowed frames (F, SIZE) of each of the waves (n,), up to BLOCK at a time: (n - SIZE) // HOP in all."""
    count = (waves[0].size - SIZE) // HOP
    for start in range(0, count, BLOCK):
        stretch = slice(start * HOP, (min(count, start + BLOCK) - 1) * HOP + SIZE)
        yield tuple(np.lib.stride_tricks.sliding_window_view(wave[stretch], SIZE)[::HOP] * WINDOW for wave in waves)


def snr_of_frames(clean: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """10 lg(sum s^2 / sum (s - p)^2) of windowed frames (F, SIZE), limited to SSNR_RANGE: (F,), dB.

    As in `composite.m`, digital silence has the lower limit, whatever stands in its place, and other frames that are
    equal have the upper one.
    """
    eps = np.finfo(float).eps
    signal, noise = (clean**2).sum(axis=1), ((clean - enhanced) ** 2).sum(axis=1)
    return np.clip(10 * np.log10(signal / (noise + eps) + eps), *SSNR_RANGE)


def llr_of_frames(clean: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of windowed frames (F, SIZE): (F,).

        ln (a_p R_c a_p' / a_c R_c a_c')

    R_c is the autocorrelation matrix of the clean frame, a_c and a_p the linear prediction filters of both. It is not
    limited to 2, as it is for the composite measures. Where a frame of either is digital silence, NaN: no filter
    predicts it.
    """
    lags = [_autocorrelation(frames, TRANSFORM) for frames in (clean, enhanced)]  # (F, ORDER + 1)
    sounding = (lags[0][:, 0] > 0) & (lags[1][:, 0] > 0)
    of_clean, of_enhanced = (of_one[sounding] for of_one in lags)
    ratio = _error(levinson(of_enhanced), of_clean) / _error(levinson(of_clean), of_clean)
    values = np.full(len(clean), np.nan)
    values[sounding] = np.log(ratio)
    return values


def levinson(lags: np.ndarray) -> np.ndarray:
    """The prediction error filters A(z) = 1 + a1 z^-1 + ... of autocorrelation lags: (F, order + 1) -> (F, order + 1).

    The Levinson-Durbin recursion (Makhoul, Proc. IEEE 63, 1975, equations 38a to 38e), all frames at once. Unlike
    `simulation.lpc`, it does not raise the zero lag, which would move LLR by 1e-4.
    """
    order = lags.shape[1] - 1
    filters, error = np.zeros_like(lags), lags[:, 0].copy()
    filters[:, 0] = 1
    for step in range(1, order + 1):
        past = filters[:, :step]
        reflection = -np.einsum("ti,ti->t", past, lags[:, step:0:-1]) / error
        filters[:, 1 : step + 1] += reflection[:, None] * past[:, ::-1]
        error *= 1 - reflection**2
    return filters


def lowest(distances: np.ndarray) -> float:
    """The mean of the lowest 95 % of the distances of frames (F,); NaN of no frame.

    An undefined distance counts as the largest, so it is left out where it is rare. Where it is not, the mean is NaN.
    """
    kept = np.sort(distances)[: round(LOWEST * distances.size)]  # NaN sorts last
    return float(kept.mean()) if kept.size else np.nan


def _autocorrelation(frames: np.ndarray, size: int) -> np.ndarray:
    """Lags 0 to ORDER (F, ORDER + 1) of frames (F, n), by a transform of `size` points, n + ORDER or more."""
    power = np.abs(fft.rfft(frames, size, axis=1)) ** 2
    return fft.irfft(power, size, axis=1)[:, : ORDER + 1]


def _error(filters: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The energy (F,) that prediction error filters (F, ORDER + 1) leave of signals with these lags: a R a'."""
    own = _autocorrelation(filters, fft.next_fast_len(2 * ORDER + 1, real=True))
    return lags[:, 0] * own[:, 0] + 2 * (lags[:, 1:] * own[:, 1:]).sum(axis=1)
