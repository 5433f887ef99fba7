import numpy as np
import pytest

from voxdag.audio.rnnoise import rnnoise
from voxdag.simulation.speech import draw_speaker, synthesise

RATE = 16_000


def speech(seconds=2.0):
    rng = np.random.default_rng(1)
    return synthesise(draw_speaker(rng, "female"), seconds, rng)


def snr(clean, other):
    """What is left beside the part that is a copy, dB."""
    copy = (other @ clean) / (clean @ clean) * clean
    return 10 * np.log10((copy @ copy) / ((other - copy) @ (other - copy)))


def test_noise_falls_and_speech_stays_in_step():
    clean = speech()
    noisy = clean + 0.02 * np.random.default_rng(3).normal(size=clean.size)
    denoised = rnnoise(noisy, RATE)
    assert snr(clean, denoised) > snr(clean, noisy) + 3
    shifts = range(-480, 481, 8)
    best = max(shifts, key=lambda shift: np.roll(clean, shift) @ denoised)
    assert best == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4001])
def test_the_length_is_kept(samples, rate):
    wave = 0.1 * np.random.default_rng(1).normal(size=samples).astype(np.float32)
    denoised = rnnoise(wave, rate)
    assert denoised.shape == wave.shape and denoised.dtype == wave.dtype and np.isfinite(denoised).all()


def test_the_end_is_pushed_out():
    clean = speech(1.0)[:12_345]
    whole, longer = rnnoise(clean, RATE), rnnoise(np.r_[clean, np.zeros(3200)], RATE)
    np.testing.assert_allclose(whole[:-960], longer[: clean.size - 960], atol=1e-5)  # it hears up to 60 ms ahead
    assert snr(whole[-800:], longer[clean.size - 800 : clean.size]) > 20


def test_the_same_wave_gives_the_same_bytes_and_the_input_is_left_alone():
    wave = speech(0.5)
    before = wave.copy()
    assert rnnoise(wave, RATE).tobytes() == rnnoise(wave, RATE).tobytes()
    np.testing.assert_array_equal(wave, before)


def test_full_scale_does_not_wrap_round():
    # 440 Hz clipped hard: what is made of it must not jump from one end of the scale to the other
    loud = np.clip(3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE), -1, 1)
    assert np.abs(np.diff(rnnoise(loud, RATE))).max() < 1.2
