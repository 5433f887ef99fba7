"""Traits of recordings, by hand."""

import numpy as np
import pytest

from voxdag.audio import traits

RATE = 16000


def tone(seconds, amplitude=0.5, hz=1000):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def test_of_a_tone_between_silences():
    # 0.3 s and 0.5 s of digital silence around 1 s of a sine of amplitude 1/2: mean square 1/8 of 1 / 1.8 of the time
    ramp = np.minimum(1, np.arange(RATE) / 80)  # 5 ms: a step would be heard at all frequencies
    wave = np.concatenate([np.zeros(4800), tone(1.0) * ramp * ramp[::-1], np.zeros(8000)])
    found = traits.of(wave, RATE)
    assert found["seconds"] == pytest.approx(1.8)
    assert found["level"] == pytest.approx(10 * np.log10(1 / 8 / 1.8), abs=0.05)
    assert found["peak"] == pytest.approx(20 * np.log10(0.5), abs=1e-6)
    assert found["leading_silence"] == pytest.approx(0.3) and found["trailing_silence"] == pytest.approx(0.5)
    assert found["zeros"] == pytest.approx(0.8 / 1.8, abs=0.13)  # a sine of 1 kHz at 16 kHz is 0 at every eighth sample
    assert found["noise_floor"] == -100 and found["offset"] == -100
    assert found["bandwidth"] == pytest.approx(1000, abs=250)


def test_an_offset_and_a_floor_are_those_that_were_added():
    noise = 0.01 * np.random.default_rng(0).normal(size=RATE)
    found = traits.of(np.concatenate([tone(1.0), noise]) + 0.1, RATE)
    assert found["offset"] == pytest.approx(-20, abs=0.1)
    assert found["noise_floor"] == pytest.approx(10 * np.log10(0.1**2 + 0.01**2), abs=0.1)


@pytest.mark.parametrize("edge", [3500, 7500])
def test_the_bandwidth_is_where_a_low_pass_ends(edge):
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=2 * RATE))
    spectrum[2 * edge :] = 0
    assert traits.bandwidth(np.fft.irfft(spectrum), RATE) == pytest.approx(edge, abs=150)


def test_gain_moves_levels_alone():
    wave = np.concatenate([0.001 * np.ones(1600), tone(0.5)])
    before, after = traits.of(wave, RATE), traits.of(0.1 * wave, RATE)
    moved = {name for name in before if abs(before[name] - after[name]) > 1e-9}
    assert moved == {"level", "peak", "noise_floor", "offset"}
    assert after["level"] - before["level"] == pytest.approx(-20)


@pytest.mark.parametrize("wave", [np.zeros(500), np.zeros(1), np.array([0.5])])
def test_silence_and_single_samples_have_finite_traits(wave):
    assert np.isfinite(list(traits.of(wave, RATE).values())).all()
