r"""The vocal tract as a filter that changes every few milliseconds.

Each piece of the source passes through the whole impulse response of its own filter, and the pieces overlap and add:

    source  --/\--/\--/\--   Hann pieces, 2 HOP long, HOP apart, summing to one
               |   |   |
              H_0 H_1 H_2      one transfer function per piece, applied by FFT
               +---+---+-----  speech

so no state is carried, no filter can grow unstable, and all pieces go through at once.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

SAMPLE_RATE = 16_000  # Hz, of all simulated audio
HOP = 128  # samples between filters: 8 ms
FFT_SIZE = 1024  # samples; 768 = 48 ms remain for the response, in which a 60 Hz wide resonance falls by 79 dB


def resonators(frequencies: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Coefficients of the product of second-order sections (Klatt 1980, eq. 2), each with a gain of one at 0 Hz.

    Args:
        frequencies, bandwidths: (frames, sections) Hz.

    Returns:
        (frames, 2 sections + 1): as a denominator these are resonances, as a numerator antiresonances.
    """
    radius = np.exp(-np.pi * bandwidths / SAMPLE_RATE)
    linear = -2 * radius * np.cos(2 * np.pi * frequencies / SAMPLE_RATE)
    square = radius**2
    frames, sections = frequencies.shape
    product = np.zeros((frames, 2 * sections + 1))
    product[:, 0] = 1.0
    for section in range(sections):
        before = product.copy()
        product[:, 1:] += linear[:, section, None] * before[:, :-1]
        product[:, 2:] += square[:, section, None] * before[:, :-2]
    return product / product.sum(axis=1, keepdims=True)


def response(coefficients: np.ndarray) -> np.ndarray:
    """Transfer functions (frames, FFT_SIZE / 2 + 1) of polynomials (frames, order + 1) in the delay."""
    return fft.rfft(coefficients, FFT_SIZE)


def frame_count(samples: int) -> int:
    """How many filters a signal of `samples` needs: centred at 0, HOP, 2 HOP, ... and beyond its last sample."""
    return -(-samples // HOP) + 1


def filter_frames(source: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Spectra of the pieces of `source` (samples,) behind their filters `responses` (frames, bins)."""
    frames = len(responses)
    padded = np.zeros((frames + 1) * HOP)
    padded[HOP : HOP + len(source)] = source
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * HOP) / HOP)
    pieces = sliding_window_view(padded, 2 * HOP)[::HOP] * window  # (frames, 2 HOP)
    return fft.rfft(pieces, FFT_SIZE) * responses


def overlap_add(spectra: np.ndarray, samples: int) -> np.ndarray:
    """The signal (samples,) whose pieces have these `spectra` (frames, bins)."""
    parts = FFT_SIZE // HOP
    pieces = fft.irfft(spectra, FFT_SIZE).reshape(len(spectra), parts, HOP)
    blocks = np.zeros((len(spectra) + parts - 1, HOP))
    for part in range(parts):
        blocks[part : part + len(spectra)] += pieces[:, part]
    return blocks.ravel()[HOP : HOP + samples]
