"""Noises: each family is what it says, learned and held types differ, and a draw is its generator's alone."""

import functools

import numpy as np
import pytest
from scipy.signal import welch

from voxdag.core.errors import Refused
from voxdag.simulation.noises import HELD, LEARNED, NOISES, coloured, draw_noise
from voxdag.simulation.tract import SAMPLE_RATE

FAMILIES = ("coloured", "babble", "hum", "impulsive", "modulated")
SECONDS = 3


def drawn(name, seed=0, seconds=SECONDS):
    return draw_noise(name, seconds * SAMPLE_RATE, np.random.default_rng(seed))


@functools.cache
def heard(name):
    """Three draws of a type."""
    return [drawn(name, seed) for seed in range(3)]


def frames(wave, seconds=0.02):
    """Mean power of each stretch."""
    size = round(seconds * SAMPLE_RATE)
    return np.mean(wave[: len(wave) // size * size].reshape(-1, size) ** 2, axis=1)


def test_each_family_has_types_to_learn_and_one_held_for_the_test():
    assert [NOISES[name].family for name in HELD] == list(FAMILIES)
    assert sorted(NOISES[name].family for name in LEARNED) == sorted(2 * FAMILIES)
    assert not set(HELD) & set(LEARNED) and len(HELD) + len(LEARNED) == len(NOISES) == 15


@pytest.mark.parametrize("name", NOISES)
def test_a_draw_is_as_long_as_asked_has_a_mean_square_of_one_and_is_its_generators(name):
    one = drawn(name, seconds=1)
    assert one.shape == (SAMPLE_RATE,) and np.isfinite(one).all()
    assert np.mean(one**2) == pytest.approx(1.0)
    np.testing.assert_array_equal(one, drawn(name, seconds=1))
    assert np.corrcoef(one, drawn(name, 1, seconds=1))[0, 1] ** 2 < 0.5  # another draw, not a louder one


@pytest.mark.parametrize("slope", [-6.0, -3.0, 0.0, 2.0])
def test_a_colour_falls_by_its_decibels_an_octave(slope):
    hz, power = welch(coloured(40 * SAMPLE_RATE, slope, np.random.default_rng(0)), SAMPLE_RATE, nperseg=1024)
    band = (hz > 100) & (hz < 7000)
    # 1,250 averages: each bin within 3 %, or .12 dB, and the line through 440 bins over six octaves far closer
    assert np.polyfit(np.log2(hz[band]), 10 * np.log10(power[band]), 1)[0] == pytest.approx(slope, abs=0.1)


def test_white_is_flat_and_brown_falls():
    def balance(wave):
        hz, power = welch(wave, SAMPLE_RATE, nperseg=1024)
        return 10 * np.log10(power[(hz > 200) & (hz < 400)].mean() / power[(hz > 3200) & (hz < 6400)].mean())

    # four octaves apart: at most 1.5 dB each of white, 5 to 8 dB each of brown
    assert all(abs(balance(wave)) < 7 for wave in heard("white"))
    assert all(19 < balance(wave) < 33 for wave in heard("brown"))


def test_speech_shaped_noise_has_the_colour_of_speech_and_none_of_its_pauses():
    for wave in heard("speech_shaped"):
        hz, power = welch(wave, SAMPLE_RATE, nperseg=1024)
        assert 100 < hz[np.argmax(power)] < 1200  # where voices are strongest
        level = 10 * np.log10(frames(wave, 0.1))
        assert level.std() < 1.5  # 0.1 s of 1 kHz have some 100 degrees of freedom: .6 dB; speech has 10 dB


def test_a_crowd_is_steadier_and_duller_than_a_few_voices():
    def spread(name):
        return np.mean([np.std(10 * np.log10(frames(wave))) for wave in heard(name)])

    def dull(name):
        powers = [welch(wave, SAMPLE_RATE, nperseg=512)[1] for wave in heard(name)]
        return np.mean([10 * np.log10(power[: 2000 // 31].sum() / power[3000 // 31 :].sum()) for power in powers])

    assert spread("crowd") < spread("babble") < 6 and dull("crowd") > dull("babble") + 4


def test_nobody_of_one_babble_is_in_another():
    # talkers are drawn by the generator: of two draws the waves have nothing in common, at no lag
    one, other = drawn("babble", 0, 2), drawn("babble", 1, 2)
    spectrum = np.fft.rfft(one, 2 * len(one)) * np.conj(np.fft.rfft(other, 2 * len(one)))
    assert np.abs(np.fft.irfft(spectrum)).max() / len(one) < 0.2


def test_mains_are_lines_at_harmonics_of_their_frequency():
    for wave in heard("mains"):
        power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2  # a third of a Hz a bin
        hz = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
        base = min(
            (50.0, 60.0),
            key=lambda rate: abs((hz[np.argmax(power)] / rate) % 1 - round((hz[np.argmax(power)] / rate) % 1)),
        )
        near = np.abs(hz / base - np.round(hz / base)) * base < 1 + 0.005 * hz  # the mains are within .5 % here
        assert power[near & (hz > 25)].sum() > 0.9 * power.sum()


def test_even_harmonics_of_the_mains_are_the_stronger():
    def harmonics(wave):
        """Power around each of the first ten harmonics of 50 or 60 Hz."""
        power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
        base = 50.0 if _around(power, 50.0) > _around(power, 60.0) else 60.0
        return np.array([_around(power, base * order) for order in range(1, 11)])

    powers = np.mean([np.log10(harmonics(wave)) for wave in heard("mains")], axis=0)
    # amplitudes of .4 to 1 are 8 dB apart; the fall from one harmonic to the next takes 1 to 3 dB of it
    assert np.mean(powers[1::2] - powers[::2]) > 0.2


def _around(power, hz):
    place = round(hz * SECONDS)
    return power[place - 5 : place + 6].sum()


def test_an_engines_pitch_wanders_and_a_fans_stays():
    def in_lines(wave):
        """The share of the power below 600 Hz that is in the strongest fiftieth of the spectrum."""
        power = np.sort(np.abs(np.fft.rfft(wave * np.hanning(len(wave))))[: 600 * SECONDS] ** 2)
        return power[-len(power) // 50 :].sum() / power.sum()

    # 30 harmonics that stay would hold .8 and more of it
    assert max(map(in_lines, heard("engine"))) < 0.5 < np.mean([*map(in_lines, heard("fan"))])
    assert min(map(in_lines, heard("mains"))) > 0.95


@pytest.mark.parametrize("name", ["clicks", "rattle", "typing"])
def test_impulses_stand_above_a_floor(name):
    for wave in heard(name):
        level = 10 * np.log10(frames(wave, 0.005))
        assert 20 * np.log10(np.abs(wave).max()) > 18  # Gaussian noise of this length: 12 to 14 dB
        assert -30 < np.quantile(level, 0.2) < -8  # mostly the floor, 14 to 22 dB below
        assert level.max() > 8


@pytest.mark.parametrize(("name", "low", "high"), [("surf", 0.0, 1.0), ("flutter", 4, 10), ("helicopter", 11, 18)])
def test_modulated_noises_beat_at_their_rates(name, low, high):
    for wave in heard(name):
        envelope = np.sqrt(frames(wave, 0.004))
        power = np.abs(np.fft.rfft(envelope - envelope.mean(), 1 << 13)) ** 2
        hz = np.fft.rfftfreq(1 << 13, 0.004)
        assert low - 0.3 <= hz[np.argmax(power)] <= high + 0.3


def test_what_is_no_noise_is_refused():
    with pytest.raises(Refused, match="unknown noise 'rain', expected one of white, brown, speech_shaped"):
        draw_noise("rain", 16000, np.random.default_rng(0))
    with pytest.raises(Refused, match="799 samples of noise, expected 800 or more"):
        draw_noise("babble", 799, np.random.default_rng(0))
    assert len(draw_noise("babble", 800, np.random.default_rng(0))) == 800


def test_a_helicopters_pulses_are_sharp_and_a_fluttering_band_is_not():
    def levels(name):
        return np.mean([np.quantile(10 * np.log10(frames(wave, 0.004)), [0.5, 0.95]) for wave in heard(name)], axis=0)

    # cos^8 is above half its height for a quarter of the time, so the median is far below the peaks; 1 + .9 sin is
    # above its mean half of the time
    (pulse, peak), (beat, top) = levels("helicopter"), levels("flutter")
    assert peak - pulse > 13 > 9 > top - beat
