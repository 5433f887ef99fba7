import numpy as np
import pytest

from voxdag.audio.spectra import frame, istft, log_mel, mel_bank, mel_blur, overlap_add, stft, time_varying_filter

RATE = 16_000
NOISE = np.random.default_rng(0).standard_normal(9_001)


@pytest.mark.parametrize(("size", "hop"), [(512, 128), (1024, 160), (400, 200)])
def test_istft_inverts_stft(size, hop):
    # Rounding only: about 1e-16 times a few additions.
    np.testing.assert_allclose(istft(stft(NOISE, size, hop), hop, len(NOISE)), NOISE, atol=1e-12)


def test_frame_t_is_centred_on_sample_t_hop():
    frames = frame(np.arange(1.0, 1001.0), 64, 10)
    assert len(frames) == 101
    np.testing.assert_array_equal(frames[:100, 32], np.arange(1.0, 1001.0, 10))
    assert frames[0, :32].sum() == 0


def test_overlap_add_counts_how_many_frames_hold_each_sample():
    # Size 4, hop 2, frames on -2..1, 0..3, 2..5, 4..7: every sample lies in two, but sample 6 in the last alone.
    np.testing.assert_array_equal(overlap_add(np.ones((4, 4)), 2, 7), [2, 2, 2, 2, 2, 2, 1])


def test_a_tone_peaks_at_its_bin():
    # 1 kHz at 16 kHz and 512 points: bin 32; a Hann window of sum 256 shows half the amplitude times the sum, 128.
    tone = np.cos(2 * np.pi * 1000 * np.arange(8000) / RATE)
    magnitude = np.abs(stft(tone, 512, 128))[10]
    assert magnitude.argmax() == 32
    assert magnitude[32] == pytest.approx(128, rel=1e-6)


def test_a_flat_response_returns_the_wave_and_a_delay_delays_it():
    bins = np.arange(513)
    flat = np.ones((len(NOISE) // 160 + 1, 513))
    np.testing.assert_allclose(time_varying_filter(NOISE, flat, 160), NOISE, atol=1e-12)
    delayed = time_varying_filter(NOISE, flat * np.exp(-2j * np.pi * bins * 3 / 1024), 160)
    # Away from the ends, where the summed window differs between a sample and the one three earlier by under 1 %.
    inner = slice(600, -600)
    error = delayed[inner] - np.roll(NOISE, 3)[inner]
    assert np.sqrt(np.mean(error**2)) < 0.02 * NOISE.std()


def test_a_response_for_the_wrong_number_of_frames_is_refused():
    with pytest.raises(ValueError, match=r"10 responses for 57 frames \(9001 samples, hop 160\)"):
        time_varying_filter(NOISE, np.ones((10, 513)), 160)


def test_mel_rows_are_ordered_triangles_that_add_up_to_one():
    bank = mel_bank(40, 1024, RATE)
    assert bank.shape == (40, 513)
    assert bank.min() == 0 and bank.max() <= 1
    centres = bank.argmax(axis=1)
    assert np.all(np.diff(centres) > 0)
    np.testing.assert_allclose(bank.sum(axis=0)[centres[0] + 1 : centres[-1]], 1, atol=1e-12)


def test_the_middle_mel_centre_lies_at_its_closed_form():
    # One band up to 8 kHz: half of 2595 log10(1 + 8000/700) = 2840.0 mel, and 700 (10^(1420/2595) - 1) = 1768 Hz.
    bank = mel_bank(1, 1 << 14, RATE)
    assert bank[0].argmax() * RATE / (1 << 14) == pytest.approx(1768, abs=2)


def test_a_mel_band_without_a_bin_is_refused():
    with pytest.raises(ValueError, match="mel band 0 of 200 holds no bin of a 512-point transform at 16000 Hz"):
        mel_bank(200, 512, RATE)


def test_log_mel_rises_by_the_log_of_the_gain():
    quiet, loud = (log_mel(gain * NOISE, 24, 512, 160, RATE, floor=1e-12) for gain in (1.0, 10.0))
    np.testing.assert_allclose(loud - quiet, np.log(10), atol=1e-6)


def test_mel_blur_keeps_what_mel_bands_cannot_tell_from_flat():
    flat = np.full((3, 513), 2.0)
    np.testing.assert_allclose(mel_blur(flat, 64, RATE)[:, 1:-1], 2.0)
    comb = np.zeros((1, 513))
    comb[0, 400] = 1  # bands are about 20 bins wide up there: one line spreads over its neighbours
    assert mel_blur(comb, 64, RATE).max() < 0.2
