import numpy as np
import pytest
from scipy.signal import sosfreqz

from voxdag.audio.loudness import k_weighting, loudness, rms_db

RATE = 16_000


def tone(seconds, rate=RATE, level_db=0.0, hz=997.0):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def test_the_filters_at_48_khz_are_those_of_the_standard():
    # ITU-R BS.1770-4, tables 1 and 2
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), table, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_the_filters_at_other_rates_have_the_same_response(rate):
    hz = np.array([50.0, 100, 500, 997, 1500, 2000])
    here, there = (np.abs(sosfreqz(k_weighting(r), 2 * np.pi * hz / r)[1]) for r in (rate, 48_000))
    # The bilinear transform keeps each filter's corner; towards half the rate the shelf bends, most at 8 kHz.
    np.testing.assert_allclose(20 * np.log10(here), 20 * np.log10(there), atol=0.25 if rate == 8_000 else 0.05)


# The standard's calibration: a 997 Hz sine of full scale on one channel reads -3.01 LKFS. At 16 kHz the shelf takes
# 0.05 dB more.
@pytest.mark.parametrize(("rate", "tolerance"), [(48_000, 0.01), (16_000, 0.06), (44_100, 0.02)])
def test_a_sine_of_full_scale_at_997_hz_has_minus_3_lufs(rate, tolerance):
    assert loudness(tone(3, rate), rate) == pytest.approx(-3.01, abs=tolerance)


@pytest.mark.parametrize("gain_db", [-30.0, -6.0])
def test_gain_adds_to_the_loudness(gain_db):
    wave = np.random.default_rng(0).normal(scale=0.1, size=2 * RATE)
    quieter = 10 ** (gain_db / 20) * wave
    assert loudness(quieter, RATE) == pytest.approx(loudness(wave, RATE) + gain_db, abs=1e-9)
    assert rms_db(quieter) == pytest.approx(rms_db(wave) + gain_db, abs=1e-9)


def test_what_is_more_than_10_lu_below_the_rest_does_not_count():
    # As EBU Tech 3341, case 3: -36 dB before and after -23 dB are gated out; here 13 dB below, in one channel.
    # Of the 57 blocks that touch the loud part, 3 at either side hold 3/4, 1/2, 1/4 of it, all above the gate
    # of 10 dB: mean power (51 + 3) / 57 of the loud part's, -0.23 dB (the quiet parts add less than 0.01 dB).
    parts = [tone(3, level_db=-36.0), tone(5.4, level_db=-23.0), tone(3, level_db=-36.0)]
    assert loudness(np.concatenate(parts), RATE) == pytest.approx(loudness(parts[1], RATE) - 0.23, abs=0.02)


def test_silence_around_a_tone_is_gated():
    # The blocks at the edges hold parts of the tone; without gates the mean over 60 s would be 17.8 dB lower.
    alone = tone(1.0, level_db=-20.0)
    inside = np.concatenate([np.zeros(30 * RATE), alone, np.zeros(29 * RATE)])
    assert loudness(inside, RATE) == pytest.approx(loudness(alone, RATE), abs=1.5)


def test_a_recording_shorter_than_a_block_is_measured_whole():
    assert loudness(tone(0.399, level_db=-80.0), RATE) == pytest.approx(-83.01, abs=0.1)


@pytest.mark.parametrize("samples", [100, 2 * RATE])
def test_silence_has_no_loudness(samples):
    assert np.isnan(loudness(np.zeros(samples), RATE))
    assert np.isnan(rms_db(np.zeros(samples)))


def test_what_lies_below_the_absolute_gate_has_no_loudness():
    assert np.isnan(loudness(tone(1.0, level_db=-70.0), RATE))  # -73 LUFS


def test_the_level_of_a_sine_and_of_a_square_wave():
    assert rms_db(tone(1.0, hz=1000.0)) == pytest.approx(-3.0103, abs=1e-4)
    assert rms_db(np.resize([1.0, -1.0], 100)) == 0.0
