import numpy as np
import pytest
from scipy import fft

from voxdag.simulation.cepstrum import (
    cepstral_envelope,
    from_half_cepstrum,
    minimum_phase,
    pitch_adaptive_envelope,
    warp_frequency,
)

BINS = np.arange(513)


def test_minimum_phase_recovers_a_known_minimum_phase_system():
    # 1 / A with poles at 0.9 exp(+-j pi/4): causal and minimum phase, so its magnitude determines it.
    response = 1 / fft.rfft(np.array([1, -2 * 0.9 * np.cos(np.pi / 4), 0.81]), 1024)
    # The cepstrum decays as 0.9^q / q: aliasing at quefrency 512 is below 1e-20.
    np.testing.assert_allclose(minimum_phase(np.log(np.abs(response))[None])[0], response, rtol=1e-9)


def test_minimum_phase_keeps_the_magnitude():
    log_spectrum = np.random.default_rng(0).standard_normal((4, 513))
    np.testing.assert_allclose(np.log(np.abs(minimum_phase(log_spectrum))), log_spectrum, atol=1e-10)


def test_the_envelope_keeps_slow_ripples_and_drops_fast_ones():
    slow = np.cos(2 * np.pi * BINS * 10 / 1024)[None]
    fast = np.cos(2 * np.pi * BINS * 100 / 1024)[None]
    np.testing.assert_allclose(cepstral_envelope(slow + fast, 40), slow, atol=1e-10)


def test_the_half_cepstrum_is_the_whole_story():
    log_spectrum = np.random.default_rng(1).standard_normal((2, 513))
    half = fft.irfft(log_spectrum, axis=1)[:, :513]
    np.testing.assert_allclose(from_half_cepstrum(half), log_spectrum, atol=1e-10)


@pytest.mark.parametrize("hz", [100.0, 187.5, 250.0])
def test_the_pitch_adaptive_envelope_levels_harmonics_and_keeps_their_power(hz):
    spacing = hz * 1024 / 16_000
    comb = (np.abs((BINS + spacing / 2) % spacing - spacing / 2) <= 0.5).astype(float)[None]
    comb += 0.02  # the faint noise between the harmonics that every recording has
    envelope = np.exp(2 * pitch_adaptive_envelope(comb, np.array([hz]), 16_000, order=40))
    inner = slice(50, -50)
    # One line of unit power per spacing, one or two bins wide by the grid: within 15 % of the mean.
    np.testing.assert_allclose(envelope[0, inner], comb[0, inner].mean(), rtol=0.15)


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
def test_warping_moves_a_peak_by_the_factor(factor):
    peak = np.exp(-0.5 * ((BINS - 150) / 4) ** 2)[None]
    assert warp_frequency(peak, factor)[0].argmax() == pytest.approx(150 * factor, abs=0.51)


def test_warping_leaves_the_ends_in_place():
    line = BINS[None].astype(float)
    for factor in (0.8, 1.25):
        warped = warp_frequency(line, factor)[0]
        assert warped[0] == 0 and warped[-1] == pytest.approx(512)
        assert np.all(np.diff(warped) > 0)
