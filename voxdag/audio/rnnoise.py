"""RNNoise: a small recurrent network that scales the bands of 48 kHz audio, with its published weights.

Valin, "A hybrid DSP/deep learning approach to real-time full-band speech enhancement", MMSP 2018; library and weights
are those of the package pyrnnoise.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pyrnnoise import rnnoise as library

from voxdag.audio.decode import INT16_SCALE, resample

RATE, FRAME = library.SAMPLE_RATE, library.FRAME_SIZE  # 48,000 Hz, 480 samples
DELAY = 2 * FRAME  # samples that its output lags behind its input
SAMPLES = ctypes.POINTER(ctypes.c_float)


def rnnoise(wave: np.ndarray, rate: int) -> np.ndarray:
    """Denoise a wave at `rate` Hz: (n,) -> (n,), full scale at 1, in step with the input.

    It is resampled to 48 kHz and back; zeros behind its end push the last samples out.
    """
    scaled = INT16_SCALE * resample(wave, rate, RATE)
    count = -(-(len(scaled) + DELAY) // FRAME)
    frames = np.zeros((count, FRAME), np.float32)
    frames.ravel()[: len(scaled)] = scaled
    with _state() as state:
        for frame in frames:
            place = frame.ctypes.data_as(SAMPLES)
            library.lib.rnnoise_process_frame(state, place, place)
    denoised = frames.ravel()[DELAY : DELAY + len(scaled)] / INT16_SCALE
    return resample(denoised, RATE, rate)[: len(wave)].astype(wave.dtype)


@contextmanager
def _state() -> Iterator[int]:
    state = library.create()
    try:
        yield state
    finally:
        library.destroy(state)
