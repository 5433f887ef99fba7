import numpy as np
import pytest
from scipy import signal

from voxdag.audio.pitch import pulse_train, track_pitch, voice_phase

RATE, HOP, SAMPLES = 16_000, 160, 32_000
FRAMES = SAMPLES // HOP + 1


@pytest.mark.parametrize("hz", [75.0, 120.0, 220.0, 350.0])
def test_the_tracker_finds_the_rate_of_a_pulse_train(hz):
    track = track_pitch(pulse_train(voice_phase(np.full(FRAMES, hz), HOP, RATE, SAMPLES)), RATE, HOP)
    assert track.voiced[5:-5].all()
    # Pulses sit on whole samples: at 350 Hz a period of 45.7 samples is off by up to half of one, 1.1 %.
    np.testing.assert_allclose(track.hz[5:-5], hz, rtol=0.012)


def test_the_tracker_follows_a_glide_through_a_resonator():
    true = np.linspace(110, 180, FRAMES)
    wave = signal.lfilter([1], [1, -1.8, 0.9], pulse_train(voice_phase(true, HOP, RATE, SAMPLES)))
    track = track_pitch(wave, RATE, HOP)
    # The glide moves 0.35 Hz a frame and the correlation looks about 1.5 frames ahead.
    np.testing.assert_allclose(track.hz[5:-5], true[5:-5], rtol=0.02)


def test_noise_is_unvoiced_and_its_place_between_voices_interpolated():
    wave = pulse_train(voice_phase(np.full(FRAMES, 100.0), HOP, RATE, SAMPLES))
    wave[12_000:20_000] = np.random.default_rng(0).standard_normal(8_000)
    track = track_pitch(wave, RATE, HOP)
    assert track.voiced[80:120].mean() < 0.2
    np.testing.assert_allclose(track.hz[:70], 100, rtol=0.02)
    assert np.isfinite(track.hz).all()


def test_gain_does_not_matter():
    wave = pulse_train(voice_phase(np.full(FRAMES, 140.0), HOP, RATE, SAMPLES))
    np.testing.assert_allclose(track_pitch(1e-3 * wave, RATE, HOP).hz, track_pitch(wave, RATE, HOP).hz, rtol=1e-6)


def test_a_wave_without_voice_has_the_middle_of_the_range():
    track = track_pitch(np.zeros(4_000), RATE, HOP, low=50, high=200)
    assert not track.voiced.any()
    np.testing.assert_allclose(track.hz, 100)


def test_a_pitch_range_out_of_order_is_refused():
    with pytest.raises(ValueError, match=r"pitch range 300 to 200 Hz does not lie within 0 to 4000.0 Hz"):
        track_pitch(np.ones(4_000), RATE, HOP, low=300, high=200)


@pytest.mark.parametrize("hz", [80.0, 233.0])
def test_a_pulse_train_has_unit_power_and_one_pulse_per_period(hz):
    pulses = pulse_train(voice_phase(np.full(FRAMES, hz), HOP, RATE, SAMPLES))
    assert np.count_nonzero(pulses) == pytest.approx(hz * SAMPLES / RATE, abs=1)
    # One pulse more or less of 160 or more: 1 %.
    assert np.mean(pulses**2) == pytest.approx(1, rel=0.01)
