"""Modified discrete cosine transform with a sine window: the lapped transform of perceptual codecs."""

import numpy as np
from scipy import fft

from voxdag.audio.spectra import frame, overlap_add


def mdct(wave: np.ndarray, bands: int) -> np.ndarray:
    """Transform a wave into blocks of `bands` coefficients: (samples,) -> (blocks, bands).

    Block b spans samples (b - 1) * bands to (b + 1) * bands; the last block reaches beyond the end.

    X[k] = sqrt(2 / M) sum_n w[n] x[n] cos(pi / M (n + 1/2 + M/2)(k + 1/2)), M = bands (Princen and Bradley 1987), by
    way of a DCT-IV of the folded block.
    """
    a, b, c, d = np.split(frame(np.pad(wave, (0, bands)), 2 * bands, bands) * _sine_window(bands), 4, axis=1)
    folded = np.concatenate([-c[:, ::-1] - d, a - b[:, ::-1]], axis=1)
    return fft.dct(folded, type=4, norm="ortho", axis=1)


def imdct(coefficients: np.ndarray, samples: int) -> np.ndarray:
    """The wave (samples,) whose `mdct` is `coefficients` (blocks, bands)."""
    bands = coefficients.shape[1]
    first, second = np.split(fft.dct(coefficients, type=4, norm="ortho", axis=1), 2, axis=1)
    blocks = np.concatenate([second, -second[:, ::-1], -first[:, ::-1], -first], axis=1)
    return overlap_add(blocks * _sine_window(bands), bands, samples)


def _sine_window(bands: int) -> np.ndarray:
    return np.sin(np.pi * (np.arange(2 * bands) + 0.5) / (2 * bands))
