"""The LF source against its defining equations."""

import numpy as np
import pytest

from voxdag.simulation.glottis import LFShape, lf_pulse, lf_shape, pulse_onsets, voice

RATE = 16_000


def shape_of(rd: float) -> LFShape:
    return lf_shape(np.array([rd]))


def test_regressions_at_rd_1():
    # Fant (1995) by hand: Ra = 0.038, Rk = 0.342, Rg = 0.342 / (4 (0.11 / 0.9104 - 0.038)) = 1.0323;
    # tp = 1 / (2 Rg) = 0.48435, te = 1.342 tp = 0.6500.
    shape = shape_of(1.0)
    assert [shape.ta[0], shape.tp[0], shape.te[0]] == pytest.approx([0.038, 0.48435, 0.6500], abs=2e-4)


@pytest.mark.parametrize("rd", [0.4, 0.8, 1.0, 1.7, 2.5])
def test_the_flow_returns_to_zero_and_the_excitation_is_one(rd):
    phase = (np.arange(200_000) + 0.5) / 200_000
    pulse = lf_pulse(phase, shape_of(rd))
    flow = np.cumsum(pulse) / len(phase)
    assert abs(flow[-1]) < 1e-4 * flow.max()  # midpoint rule with a kink: error about 1 / steps
    assert pulse.min() == pytest.approx(-1, abs=1e-3)
    assert phase[pulse.argmin()] == pytest.approx(shape_of(rd).te[0], abs=1e-4)
    assert phase[flow.argmax()] == pytest.approx(shape_of(rd).tp[0], abs=1e-4)


def test_a_lax_voice_is_dominated_by_its_fundamental():
    phase = np.arange(1000) / 1000
    harmonics = [np.abs(np.fft.rfft(lf_pulse(phase, shape_of(rd))))[1:3] for rd in (0.5, 1.0, 1.5, 2.0, 2.5)]
    h1_minus_h2 = [20 * np.log10(first / second) for first, second in harmonics]
    assert (np.diff(h1_minus_h2) > 1).all()


def test_onsets_follow_the_contour_and_cover_it():
    f0 = np.linspace(100, 200, RATE)
    onsets = pulse_onsets(f0, RATE, jitter=0.0, rng=np.random.default_rng(0))
    assert onsets[0] <= 0 and onsets[-1] >= 1
    middle = (onsets[1:] + onsets[:-1]) / 2
    inside = (onsets[:-1] > 0) & (onsets[1:] < 1)
    # The period is the mean of F0 over itself, linear here: equal to F0 at its middle up to second order.
    np.testing.assert_allclose(
        (1 / np.diff(onsets))[inside], np.interp(middle, np.arange(RATE) / RATE, f0)[inside], rtol=0.01
    )


def test_jitter_is_the_spread_asked_for():
    f0 = np.full(40 * RATE, 100.0)
    onsets = pulse_onsets(f0, RATE, jitter=0.02, rng=np.random.default_rng(0))
    # Periods of independent onsets vary by sqrt(2) jitter; 4000 draws: 1.1 % standard error; clipping: -1.3 %.
    assert np.std(np.diff(onsets)) * 100 == pytest.approx(0.02 * np.sqrt(2), rel=0.05)


def test_the_glottis_is_shut_while_the_flow_stands():
    pulses, opening = voice(np.full(RATE, 100.0), np.full(RATE, 1.0), RATE, 0.0, 0.0, np.random.default_rng(0))
    assert opening.min() == 0 and opening.max() == pytest.approx(1, abs=1e-3)
    assert np.mean(opening > 0) == pytest.approx(0.65, abs=0.01)  # te at Rd = 1
    assert pulses.min() == pytest.approx(-1, abs=0.06)  # the sample nearest the kink, 1/160 of a period away at most
