import numpy as np
import pytest
from scipy import signal

from voxdag.audio.spectra import frame, hann
from voxdag.simulation.lpc import all_pole_synthesis, linear_prediction, residual

POLES = np.array([0.95 * np.exp(0.3j), 0.9 * np.exp(1.1j), 0.85 * np.exp(2.0j)])
TRUE = np.poly(np.concatenate([POLES, POLES.conj()])).real


def test_lpc_recovers_a_known_all_pole_process():
    noise = 0.3 * np.random.default_rng(0).standard_normal(40_000)
    coefficients, gain = linear_prediction(signal.lfilter([1], TRUE, noise)[None], 6)
    # Sampling sd of a coefficient is at most about 1 / sqrt(40,000) = 0.005 times the spread of the poles: 0.03 holds.
    np.testing.assert_allclose(coefficients[0], TRUE, atol=0.03)
    assert gain[0] == pytest.approx(0.3, rel=0.02)


def test_lpc_solves_the_normal_equations():
    frames = frame(np.random.default_rng(1).standard_normal(1000), 256, 100) * hann(256)
    coefficients, _ = linear_prediction(frames, 4)
    lags = np.array([frames[3, : 256 - lag] @ frames[3, lag:] for lag in range(5)])
    toeplitz = lags[np.abs(np.subtract.outer(np.arange(4), np.arange(4)))]
    np.testing.assert_allclose(coefficients[3, 1:], np.linalg.solve(toeplitz, -lags[1:]), atol=1e-6)


def test_gain_scales_and_shape_does_not():
    frames = np.random.default_rng(2).standard_normal((3, 200))
    shape, gain = linear_prediction(frames, 8)
    shape_of_loud, gain_of_loud = linear_prediction(10 * frames, 8)
    np.testing.assert_allclose(shape_of_loud, shape, atol=1e-9)
    np.testing.assert_allclose(gain_of_loud, 10 * gain)


def test_synthesis_undoes_the_residual():
    wave = signal.lfilter([1], TRUE, np.random.default_rng(3).standard_normal(5_003))
    coefficients, _ = linear_prediction(frame(wave, 400, 160) * hann(400), 16)
    error = residual(wave, coefficients, 160)
    assert error.std() < 0.5 * wave.std()
    np.testing.assert_allclose(all_pole_synthesis(error, coefficients, 160), wave, atol=1e-9 * np.abs(wave).max())


def test_a_silent_frame_has_gain_zero_and_finite_coefficients():
    coefficients, gain = linear_prediction(np.zeros((1, 100)), 10)
    np.testing.assert_allclose(coefficients, np.eye(1, 11))
    assert gain[0] < 1e-100


def test_an_order_that_the_frame_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="order 16 needs frames of more than 16 samples, got 16"):
        linear_prediction(np.ones((1, 16)), 16)
