"""Linear prediction: all-pole models of frames, the residual they leave, and the synthesis that undoes it."""

import numpy as np
from scipy import fft, signal

from voxdag.core.errors import Refused


def linear_prediction(frames: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit an all-pole model gain / A(z) to each frame (frames, size) by the autocorrelation method.

    -> coefficients (frames, order + 1) of A(z) = 1 + a1 z^-1 + ..., and gain (frames,), the standard deviation of the
    prediction error per sample. Levinson-Durbin recursion (Makhoul 1975, equations 38a to 38e), all frames at once. The
    zero lag is raised by 1e-9 (-90 dB) of itself so that a frame with spectral gaps stays well conditioned.

    Raises Refused if `order` is not below the frame size.
    """
    size = frames.shape[1]
    if order >= size:
        raise Refused(f"order {order} needs frames of more than {order} samples, got {size}")
    power = np.abs(fft.rfft(frames, fft.next_fast_len(size + order, real=True), axis=1)) ** 2
    lags = fft.irfft(power, fft.next_fast_len(size + order, real=True), axis=1)[:, : order + 1]
    lags[:, 0] = lags[:, 0] * (1 + 1e-9) + np.finfo(float).tiny
    coefficients = np.zeros((len(frames), order + 1))
    coefficients[:, 0] = 1
    error = lags[:, 0].copy()
    for step in range(1, order + 1):
        past = coefficients[:, :step]
        reflection = -np.einsum("ti,ti->t", past, lags[:, step:0:-1]) / error
        coefficients[:, 1 : step + 1] += reflection[:, None] * past[:, ::-1]
        error *= 1 - reflection**2
    return coefficients, np.sqrt(np.maximum(error, 0) / size)


def residual(wave: np.ndarray, coefficients: np.ndarray, hop: int) -> np.ndarray:
    """Filter a wave (samples,) with A(z), the t-th row of `coefficients` for the samples from t * hop on."""
    rows = np.minimum(np.arange(len(wave)) // hop, len(coefficients) - 1)
    order = coefficients.shape[1] - 1
    padded = np.pad(wave, (order, 0))
    error = np.zeros(len(wave))
    for lag in range(order + 1):
        error += coefficients[rows, lag] * padded[order - lag : order - lag + len(wave)]
    return error


def all_pole_synthesis(excitation: np.ndarray, coefficients: np.ndarray, hop: int) -> np.ndarray:
    """Filter an excitation (samples,) with 1 / A(z), switched every `hop` samples: the inverse of `residual`."""
    order = coefficients.shape[1] - 1
    wave = np.zeros(order + len(excitation))
    for start in range(0, len(excitation), hop):
        a = coefficients[min(start // hop, len(coefficients) - 1)]
        block = excitation[start : start + hop]
        past = wave[start : start + order][::-1]  # newest first
        state = -np.array([a[lag:] @ past[: order + 1 - lag] for lag in range(1, order + 1)])
        wave[order + start : order + start + len(block)] = signal.lfilter([1.0], a, block, zi=state)[0]
    return wave[order:]
