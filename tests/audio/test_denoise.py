import numpy as np
import pytest
import torch
from torch import nn

from voxdag.audio.denoise import FLOOR, noise_floor, spectral_gate, with_network
from voxdag.simulation.speech import draw_speaker, synthesise

RATE = 16_000
TONE = slice(RATE, 2 * RATE)  # where `tone_in_noise` has its tone
INSIDE = slice(RATE + 2000, 2 * RATE - 2000)
PAUSE = slice(2 * RATE + 2000, 3 * RATE)


def noise(samples, scale=0.01, seed=0):
    return np.random.default_rng(seed).normal(scale=scale, size=samples)


def tone_in_noise(rate=RATE):
    wave = noise(3 * rate)
    wave[rate : 2 * rate] += 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    return wave


def decibel(wave):
    return 10 * np.log10(np.mean(wave**2))


def test_noise_falls_in_the_pauses_and_the_tone_stays():
    noisy = tone_in_noise()
    clean = spectral_gate(noisy, RATE)
    # The floor is 15 dB down; where the averaged power scatters above twice its mean, more comes through.
    assert decibel(clean[PAUSE]) < decibel(noisy[PAUSE]) - 10
    amplitude = 2 * np.abs(np.mean(clean[INSIDE] * np.exp(-2j * np.pi * 440 * np.arange(RATE)[2000:-2000] / RATE)))
    assert 20 * np.log10(amplitude / 0.3) == pytest.approx(0, abs=0.1)


def test_noise_does_not_fall_below_the_floor():
    noisy = noise(2 * RATE)
    fall = decibel(spectral_gate(noisy, RATE)) - decibel(noisy)
    assert 20 * np.log10(FLOOR) <= fall < -10


@pytest.mark.parametrize("gain", [1e-4, 0.5, 100.0])
def test_gain_passes_through(gain):
    noisy = tone_in_noise()
    np.testing.assert_allclose(spectral_gate(gain * noisy, RATE), gain * spectral_gate(noisy, RATE), atol=1e-9 * gain)


def test_speech_in_noise_comes_nearer_to_the_clean_speech():
    rng = np.random.default_rng(3)
    clean = np.concatenate([np.zeros(6000), synthesise(draw_speaker(rng, "male"), 2.0, rng), np.zeros(6000)])
    noisy = clean + noise(len(clean), scale=np.sqrt(np.mean(clean**2) / 10))  # 10 dB
    enhanced = spectral_gate(noisy, RATE)
    assert decibel(enhanced - clean) < decibel(noisy - clean) - 2


def test_where_the_quiet_frames_are_silent_nothing_is_taken_away():
    # A tone and digital silence: the only frames that sound hold the tone or its ends, so the ends are the floor.
    wave = np.zeros(3 * RATE)
    wave[TONE] = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * np.hanning(RATE)
    assert decibel(spectral_gate(wave, RATE)) == pytest.approx(decibel(wave), abs=0.1)


def test_digital_silence_does_not_pass_for_the_noise():
    # Padding the pauses with zeros leaves the noise's estimate, and so what the gate does to the rest, as it was.
    noisy = tone_in_noise()
    padded = np.concatenate([np.zeros(RATE), noisy, np.zeros(RATE)])
    rest = spectral_gate(padded, RATE)[RATE:-RATE]
    assert decibel(rest[PAUSE]) < decibel(noisy[PAUSE]) - 10


def test_the_floor_is_the_mean_of_the_quietest_tenth():
    # 20 frames that sound, of total 2, 4, .. 40, and 5 silent: the quietest tenth are the frames [1, 1] and [2, 2].
    power = np.repeat(np.concatenate([np.arange(20.0, 0, -1), np.zeros(5)]), 2).reshape(25, 2)
    assert noise_floor(power).tolist() == [1.5, 1.5]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_it_works_at_any_rate(rate):
    noisy = tone_in_noise(rate)
    pause = slice(2 * rate + rate // 8, 3 * rate)
    assert decibel(spectral_gate(noisy, rate)[pause]) < decibel(noisy[pause]) - 10


@pytest.mark.parametrize("samples", [1, 100, 511, 16_001])
def test_the_length_and_the_type_stay(samples):
    enhanced = spectral_gate(noise(samples).astype(np.float32), RATE)
    assert (enhanced.shape, enhanced.dtype) == ((samples,), np.float32)
    assert np.isfinite(enhanced).all()


def test_silence_stays_silent():
    assert (spectral_gate(np.zeros(RATE), RATE) == 0).all()


def test_a_network_hears_the_wave_as_a_batch_of_one():
    class Half(nn.Module):
        def forward(self, wave):
            assert wave.shape == (1, 100)
            return wave / 2

    wave = noise(100).astype(np.float32)
    np.testing.assert_array_equal(with_network(Half(), wave), wave / 2)
    assert not torch.is_inference_mode_enabled()
