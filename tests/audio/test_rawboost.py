"""RawBoost: the official program's numbers for fixed draws, and laws of each algorithm for drawn ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voxdag.audio import rawboost as module
from voxdag.audio.rawboost import (
    Notches,
    RawBoost,
    coloured,
    convolutive,
    distorted,
    impulsive,
    kernel,
    rawboost,
    stationary,
    struck,
)
from voxdag.core import params
from voxdag.core.errors import Refused

RATE, N = 16000, 1200
OFFICIAL = RawBoost(
    share=1.0, algorithm=5, orders=5, notches=5, centre_hz=(20.0, 8000.0), width_hz=(100.0, 1000.0), taps=(10, 100),
    gain_db=(0.0, 0.0), bias_db=(5.0, 20.0), impulse_share=0.1, impulse_gain=2.0, snr_db=(10.0, 40.0),
)  # fmt: skip
GOLDEN = np.load(Path(__file__).parents[1] / "golden/rawboost.npz")
# Sums of 1200 products in another order: some 1e-13 of full scale.
CLOSE = {"rtol": 0, "atol": 1e-12}


def generator(seed=0):
    return np.random.default_rng(seed)


def speech(n=16000, level=0.1, dtype=np.float64):
    """A wave of many frequencies whose power comes and goes: (n,)."""
    return (level * generator(5).standard_normal(n) * (1 + np.sin(np.arange(n) / 900))).astype(dtype)


# The official program


def golden_wave():
    """Silent for 300 samples at both ends: no filter's end is cut off, nor the sample by which the program is early."""
    n = np.arange(N)
    wave = 0.9 * np.sin(0.11 * n + 0.002 * n * n / N * 10) * np.cos(0.013 * n) ** 2
    wave[:300] = wave[-300:] = 0
    return wave


class Draws:
    """The numbers that stood for the program's uniform draws, in its order: of each filter centre, width and taps of
    each notch, then the gain."""

    def __init__(self):
        self.count = 0

    def __call__(self, low, high):
        self.count += 1
        return low + (high - low) * ((0.618033988749895 * self.count + 0.1) % 1)

    def notches(self, count, centre, width, taps, gain):
        rows = [[self(*centre), self(*width), int(self(*taps)) | 1] for _ in range(count)]
        columns = np.array(rows).T
        return Notches(columns[0], columns[1], columns[2].astype(int), self(*gain))


def official(count, orders):
    """The filters of the program's defaults."""
    draws, gains = Draws(), [(0, 0)] + [(-5, -20)] * (orders - 1)
    return [draws.notches(count, (20, 8000), (100, 1000), (10, 100), gain) for gain in gains]


def one_early(wave):
    return np.append(wave[1:], 0)


def test_a_filter_is_the_programs():
    np.testing.assert_allclose(kernel(official(5, 1)[0], RATE), GOLDEN["taps"], **CLOSE)


def test_convolutive_noise_is_the_programs_but_for_its_early_sample():
    # the last of the program's samples is one that ours does not have
    for name, level, filters in (("convolutive", 1, official(5, 5)), ("convolutive_quiet", 0.2, official(3, 2))):
        ours = distorted(level * golden_wave(), RATE, filters)
        np.testing.assert_allclose(one_early(ours)[:-1], GOLDEN[name][:-1], **CLOSE)
    assert np.abs(GOLDEN["convolutive"]).max() == 1 and np.abs(GOLDEN["convolutive_quiet"]).max() < 0.5


def test_so_is_what_passes_full_scale_of_other_ranges():
    draws, gains = Draws(), ((-3, 6), (-4, -3), (-4, -3))
    filters = [draws.notches(2, (100, 6000), (50, 300), (30, 300), gain) for gain in gains]
    ours = distorted(8 * golden_wave(), RATE, filters)
    np.testing.assert_allclose(one_early(ours)[:-1], GOLDEN["convolutive_loud"][:-1], **CLOSE)


def test_impulses_are_the_programs():
    count = int(N * 10 * ((0.618033988749895 * 3 + 0.1) % 1) / 100)
    places = (np.arange(N) * 487 % N)[:count]
    u, v = ((0.5698402909980532 * np.arange(1, count + 1) * k) % 1 for k in (1, 2))
    np.testing.assert_allclose(
        struck(golden_wave(), places, (2 * u - 1) * (2 * v - 1), 2.0), GOLDEN["impulsive"], **CLOSE
    )


def test_stationary_noise_is_the_programs_but_for_its_early_sample():
    noise = 0.7548776662466927 * np.arange(1, N + 1) % 1 - 0.5
    noise[:300] = noise[-300:] = 0
    draws = Draws()
    notches = draws.notches(5, (20, 8000), (100, 1000), (10, 100), (0, 0))
    ours = coloured(golden_wave(), noise, RATE, notches, draws(10, 40))
    np.testing.assert_allclose(one_early(ours - golden_wave()), GOLDEN["stationary"] - golden_wave(), **CLOSE)


# Filters


def gain_at(taps, hz):
    """Of a filter whose middle tap is at 0."""
    n = np.arange(len(taps)) - len(taps) // 2
    return abs(np.sum(taps * np.exp(-2j * np.pi * hz / RATE * n)))


@pytest.mark.parametrize("centre", [600.0, 2000.0, 5500.0])
def test_a_notch_is_where_it_was_drawn(centre):
    # 301 taps at 16 kHz: a Hamming window's transition is 3.3 / 301 x 16 kHz = 175 Hz, its ripple below 53 dB
    taps = kernel(Notches(np.array([centre]), np.array([500.0]), np.array([301]), 0.0), RATE)
    assert gain_at(taps, centre) < 10 ** (-50 / 20)
    for offset in (-400, 400):
        assert gain_at(taps, centre + offset) == pytest.approx(1, abs=0.01)
    for edge in (-250, 250):  # half the amplitude at the edges, as of any windowed ideal filter
        assert gain_at(taps, centre + edge) == pytest.approx(0.5, abs=0.01)


def test_a_filter_has_its_gain_at_its_peak_and_no_delay():
    notches = Notches(np.array([900.0, 3000.0]), np.array([300.0, 800.0]), np.array([61, 99]), -6.0)
    taps = kernel(notches, RATE)
    assert len(taps) == 61 + 99 - 1
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-15)
    assert np.abs(np.fft.rfft(taps, 1024)).max() == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    assert np.argmax(np.abs(taps)) == len(taps) // 2


@pytest.mark.parametrize(("centre", "edge"), [(20.0, 0.0), (7990.0, 8000.0)])
def test_a_notch_over_an_edge_stops_there_and_turns_no_sign(centre, edge):
    taps = kernel(Notches(np.array([centre]), np.array([1000.0]), np.array([99]), 0.0), RATE)
    assert np.isfinite(taps).all() and gain_at(taps, edge) < 0.1 and taps[49] > 0


# Laws


def test_one_order_is_linear_and_more_are_not():
    quiet, other = speech(level=0.01), speech(level=0.01)[::-1]
    linear = replace(OFFICIAL, orders=1)
    both = convolutive(quiet + other, RATE, linear, generator())
    apart = convolutive(quiet, RATE, linear, generator()) + convolutive(other, RATE, linear, generator())
    np.testing.assert_allclose(both, apart, atol=1e-12)
    loud = speech(level=0.2)
    doubled = convolutive(2 * loud, RATE, OFFICIAL, generator()) - 2 * convolutive(loud, RATE, OFFICIAL, generator())
    assert np.abs(doubled).max() > 0.01


def test_powers_of_a_tone_are_its_harmonics_each_at_its_level():
    # x = a sin: x^2 has a^2/2 at twice the frequency; filters of gain 1 and 10^(-10/20) far from their notches
    far = [Notches(np.array([6000.0]), np.array([200.0]), np.array([201]), gain) for gain in (0.0, -10.0)]
    n, amplitude = np.arange(16000), 0.5
    heard = distorted(amplitude * np.sin(2 * np.pi * 1000 / RATE * n), RATE, far)[4000:12000]
    spectrum = np.abs(np.fft.rfft(heard)) * 2 / len(heard)  # 2 Hz a bin
    assert spectrum[500] == pytest.approx(amplitude, rel=0.01)
    assert spectrum[1000] == pytest.approx(amplitude**2 / 2 * 10 ** (-10 / 20), rel=0.01)


def test_every_drawn_power_from_2_on_is_lower_by_the_bias():
    # x = a sin: x^2 has a^2/2 at twice the frequency, x^3 a^3/4 at three times
    far = {"notches": 1, "centre_hz": (7000.0, 7000.0), "width_hz": (100.0, 100.0), "taps": (201, 201)}
    settings = replace(OFFICIAL, orders=3, gain_db=(-2.0, -2.0), bias_db=(10.0, 10.0), **far)
    tone = 0.5 * np.sin(2 * np.pi * 1000 / RATE * np.arange(16000))
    heard = convolutive(tone, RATE, settings, generator())[4000:12000]
    spectrum = np.abs(np.fft.rfft(heard)) * 2 / len(heard)  # 2 Hz a bin
    for place, amplitude in ((1000, 0.5**2 / 2), (1500, 0.5**3 / 4)):
        assert spectrum[place] == pytest.approx(amplitude * 10 ** (-12 / 20), rel=0.02)


def test_taps_are_odd_within_their_range():
    taps = module._notches(OFFICIAL, generator().random((5000, 3)), (0.0, 0.0), 0.0).taps
    assert set(taps.tolist()) == set(range(11, 100, 2))


def test_convolutive_noise_leaves_no_mean_and_stays_within_full_scale():
    for seed in range(20):
        heard = convolutive(speech(level=0.5), RATE, OFFICIAL, generator(seed))
        assert abs(heard.mean()) < 1e-12 and np.abs(heard).max() <= 1


def test_a_click_stays_where_it_is():
    click = np.zeros(4000)
    click[1700] = 0.5
    for seed in range(20):
        # a tap besides the middle one may be the largest only where most of the band is stopped
        narrow = replace(OFFICIAL, width_hz=(100.0, 300.0))
        assert np.argmax(np.abs(convolutive(click, RATE, narrow, generator(seed)))) == 1700


def test_impulses_change_a_drawn_share_of_samples_by_at_most_their_gain():
    wave, shares, struck_up = speech(level=0.05), [], []
    for seed in range(200):
        change = impulsive(wave, RATE, OFFICIAL, generator(seed)) - wave
        shares.append(np.mean(change != 0))
        assert np.all(np.abs(change) <= 2 * np.abs(wave) * (1 + 1e-12))
        struck_up.append(np.sum(change * wave > 0) - np.sum(change * wave < 0))
    # uniform in 0..0.1: mean 0.05, sd 0.029 / sqrt(200) = 0.002; five of those
    assert abs(np.mean(shares) - 0.05) < 0.01 and 0.09 < max(shares) <= 0.1
    # as many up as down: of 200 x 800 a difference has a standard deviation of 400
    assert abs(np.sum(struck_up)) < 2000


def test_silence_gets_no_impulse_and_no_noise():
    for algorithm in range(1, 9):
        assert not rawboost(np.zeros(500), RATE, replace(OFFICIAL, algorithm=algorithm), generator()).any()


@pytest.mark.parametrize("snr", [-5.0, 10.0, 40.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stationary_noise_has_the_ratio_that_was_drawn(snr, dtype):
    # float32: a sum of the two is rounded at 6e-8 of it, 40 dB above the noise: 6e-6 of the noise
    wave = speech(dtype=dtype)
    noise = stationary(wave, RATE, replace(OFFICIAL, snr_db=(snr, snr)), generator()).astype(float) - wave
    assert 10 * np.log10(np.sum(wave.astype(float) ** 2) / np.sum(noise**2)) == pytest.approx(snr, abs=1e-3)


def test_ratios_are_uniform_over_their_range():
    wave, ratios = speech(2000), []
    for seed in range(300):
        noise = stationary(wave, RATE, OFFICIAL, generator(seed)) - wave
        ratios.append(10 * np.log10(np.sum(wave**2) / np.sum(noise**2)))
    # uniform in 10..40: mean 25, sd 8.7 / sqrt(300) = 0.5; five of those
    assert abs(np.mean(ratios) - 25) < 2.5 and 10 <= min(ratios) < 11 and 39 < max(ratios) <= 40


def test_the_noise_has_its_notches_and_no_trace_of_the_wave():
    narrow = replace(OFFICIAL, notches=1, centre_hz=(3000.0, 3000.0), width_hz=(800.0, 800.0), taps=(201, 201))
    wave = speech(64000)
    noise = stationary(wave, RATE, narrow, generator()) - wave
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    stopped, passed = power[abs(hz - 3000) < 250].mean(), power[abs(hz - 3000) > 600].mean()
    assert 10 * np.log10(passed / stopped) > 40
    assert abs(np.corrcoef(noise, wave)[0, 1]) < 5 / np.sqrt(64000)


STEPS = {4: (1, 2, 3), 5: (1, 2), 6: (1, 3), 7: (2, 3)}


@pytest.mark.parametrize("algorithm", STEPS)
def test_algorithms_in_series_are_their_steps_one_after_the_other(algorithm):
    wave, one, another = speech(), generator(3), generator(3)
    heard = wave
    for step in STEPS[algorithm]:
        heard = rawboost(heard, RATE, replace(OFFICIAL, algorithm=step), one)
    assert np.array_equal(rawboost(wave, RATE, replace(OFFICIAL, algorithm=algorithm), another), heard)


def test_algorithm_8_is_the_sum_of_both_turned_down():
    for level in (0.01, 0.9):
        wave, one = speech(level=level), generator(3)
        apart = sum(rawboost(wave, RATE, replace(OFFICIAL, algorithm=step), one) for step in (1, 2))
        heard = rawboost(wave, RATE, replace(OFFICIAL, algorithm=8), generator(3))
        np.testing.assert_allclose(heard, apart / max(1, np.abs(apart).max()), atol=1e-15)


@pytest.mark.parametrize("algorithm", module.ALGORITHMS)
def test_every_algorithm_changes_a_wave_keeps_its_length_and_type_and_draws_from_its_generator_alone(algorithm):
    settings = replace(OFFICIAL, algorithm=algorithm)
    for wave in (speech(dtype=np.float32), speech(1, dtype=np.float32), speech(60)):
        kept = wave.copy()
        heard = rawboost(wave, RATE, settings, generator(1))
        assert heard.shape == wave.shape and heard.dtype == wave.dtype and np.isfinite(heard).all()
        assert np.array_equal(wave, kept)
        np.random.random()  # noqa: NPY002  the program draws from here
        assert np.array_equal(heard, rawboost(wave, RATE, settings, generator(1)))
    assert not np.array_equal(rawboost(speech(), RATE, settings, generator(1)), speech())
    assert not np.array_equal(
        rawboost(speech(), RATE, settings, generator(1)), rawboost(speech(), RATE, settings, generator(2))
    )


def test_single_precision_is_double_rounded():
    # 1e-7 of full scale a rounding, growing with log2(n) = 14 stages
    for algorithm in (1, 5):
        settings = replace(OFFICIAL, algorithm=algorithm, impulse_share=0.0)
        exact = rawboost(speech(), RATE, settings, generator(1))
        rounded = rawboost(speech(dtype=np.float32), RATE, settings, generator(1))
        np.testing.assert_allclose(rounded, exact, atol=3e-6)


# Refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algorithm": 9}, "rawboost.algorithm is 9, expected one of 1, 2, 3, 4, 5, 6, 7, 8"),
        ({"snr_db": [40, 10]}, r"rawboost.snr_db is \(40.0, 10.0\), expected a range in order"),
        ({"width_hz": [0, 10]}, r"rawboost.width_hz is .*, expected more than 0"),
        ({"taps": [1, 10]}, r"rawboost.taps is .*, expected 3 to 2000"),
        ({"impulse_share": 10}, "rawboost.impulse_share is 10.0, expected a share"),
        ({"share": -0.1}, "rawboost.share is -0.1, expected a share"),
        ({"orders": 0}, "rawboost.orders is 0, expected 1 to 20"),
        ({"bias_db": [-1, 3]}, "rawboost.bias_db is .*, expected 0 to 100"),
        ({"nBands": 5}, "rawboost has the unknown key nBands"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    tree = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(OFFICIAL).items()}
    assert params.bind(RawBoost, tree, "rawboost") == OFFICIAL
    with pytest.raises(Refused, match=message):
        params.bind(RawBoost, tree | change, "rawboost")


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros(4, np.int16), np.zeros((2, 4))])
def test_what_is_no_wave_is_refused(wave):
    with pytest.raises(Refused, match="wave is .*, expected"):
        rawboost(wave, RATE, OFFICIAL, generator())


def test_a_notch_above_half_the_rate_is_refused():
    with pytest.raises(Refused, match="centre_hz is .*, expected up to half the rate, 4000.0 Hz"):
        rawboost(speech(), 8000, OFFICIAL, generator())
