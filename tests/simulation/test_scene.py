"""Rooms and microphones: what a scene says is what is measured in its recordings."""

from dataclasses import replace

import numpy as np
import pytest

from voxdag.simulation.scene import PEAK_LIMIT, Scene, draw_scene, impulse_response, peak, record, standing_noise
from voxdag.simulation.tract import SAMPLE_RATE


def scene(**changes: float) -> Scene:
    return replace(draw_scene(np.random.default_rng(0)), **changes)


def noise(samples: int = 16_000, seed: int = 0) -> np.ndarray:
    return 0.05 * np.random.default_rng(seed).standard_normal(samples)


@pytest.mark.parametrize("rt60", [0.2, 0.5])
def test_reverberation_decays_as_asked(rt60):
    room = impulse_response(scene(rt60_s=rt60))
    decay = 10 * np.log10(np.cumsum(room[:0:-1] ** 2)[::-1])  # M. Schroeder, JASA 37 (1965)
    decay -= decay[0]
    here = (decay < -5) & (decay > -30)
    slope = np.polyfit(np.flatnonzero(here) / SAMPLE_RATE, decay[here], 1)[0]
    # The band above 3 kHz, about half of the noise, falls in 0.6 of the time; the fit lies between the two.
    assert 0.6 * rt60 < -60 / slope < 1.1 * rt60


def test_direct_to_reverberant_ratio_is_exact():
    room = impulse_response(scene(direct_to_reverberant_db=6.0))
    assert 10 * np.log10(room[0] ** 2 / np.sum(room[1:] ** 2)) == pytest.approx(6.0)


def test_a_scene_keeps_its_reflections():
    np.testing.assert_array_equal(impulse_response(scene()), impulse_response(scene()))
    assert not np.array_equal(impulse_response(scene(seed=1)), impulse_response(scene(seed=2)))


def test_standing_noise_has_its_level_and_colour():
    quiet = scene(noise_db=-60.0, noise_corner_hz=500.0)
    heard = standing_noise(quiet, 400_000, np.random.default_rng(0))
    assert 10 * np.log10(np.mean(heard**2)) == pytest.approx(-60.0, abs=0.3)
    power = np.abs(np.fft.rfft(heard)) ** 2  # 0.04 Hz per bin
    low, high = power[2_500:5_000].mean(), power[50_000:100_000].mean()  # 100-200 Hz, 2-4 kHz
    # One pole at 500 Hz: 0.4 dB down at 150 Hz; 12 to 18 dB down at 2-4 kHz, 15 on average.
    assert 10 * np.log10(low / high) == pytest.approx(14.5, abs=1.5)


def test_a_peak_has_its_gain_at_its_centre_and_none_far_away():
    section = peak(2000.0, 4.0)
    at = np.exp(-1j * np.pi * np.array([0, 2000 / 8000, 1]))
    gain = [abs(np.polyval(section[2::-1], z) / np.polyval(section[:2:-1], z)) for z in at]
    assert 20 * np.log10(gain) == pytest.approx([0, 4, 0], abs=1e-9)


def test_a_recording_is_aligned_with_its_source_and_limited_to_the_band():
    dry = noise()
    heard = record(dry, scene(low_cut_hz=100.0), np.random.default_rng(1))
    assert heard.shape == dry.shape
    lags = np.correlate(heard[100:8100], dry[100:8100], "same")
    assert abs(int(np.argmax(np.abs(lags))) - 4000) <= 2  # the low-pass delays by less than a sample or two
    power = np.abs(np.fft.rfft(heard)) ** 2
    assert power[:30].mean() < 0.1 * power[500:3000].mean()


def test_twice_as_loud_is_recorded_twice_as_loud_until_full_scale():
    silent = scene(noise_db=-200.0)
    once, twice, far_too_loud = (record(g * noise(), silent, np.random.default_rng(1)) for g in (1, 2, 1000))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-8)
    assert np.abs(far_too_loud).max() == pytest.approx(PEAK_LIMIT)


@pytest.mark.parametrize("samples", [1, 10, 16_000])
def test_any_length_can_be_recorded(samples):
    heard = record(noise(samples), scene(), np.random.default_rng(0))
    assert len(heard) == samples and np.isfinite(heard).all()


def test_bad_input_is_named():
    broken = noise()
    broken[17] = np.nan
    with pytest.raises(ValueError, match="nan at sample 17"):
        record(broken, scene(), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"shape \(2, 100\)"):
        record(np.zeros((2, 100)), scene(), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        record(np.zeros(0), scene(), np.random.default_rng(0))
