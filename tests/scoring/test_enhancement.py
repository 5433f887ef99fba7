"""Measures of enhanced speech: against other programs, in closed form, and where they are undefined."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests import speech
from voxdag.core.errors import Refused
from voxdag.scoring import enhancement, pairs
from voxdag.scoring.enhancement import METRICS, RATE, score

CASES = json.loads((Path(__file__).parents[1] / "golden/enhancement.json").read_text())
WAVES = speech.pairs()
ALL = set(METRICS)


def speechlike(seconds=1.0, seed=1):
    """Noise in syllables, a quarter of a second each: (n,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    coloured = np.convolve(rng.normal(size=time.size), 0.7 ** np.arange(20), mode="same")
    return 0.1 * coloured * (0.05 + np.sin(4 * np.pi * time) ** 2)


def noise(wave, seed=2):
    return 0.02 * np.random.default_rng(seed).normal(size=wave.size)


CLEAN = speechlike()
NOISY = CLEAN + noise(CLEAN)


def undefined(values):
    return {name for name, value in values.items() if np.isnan(value)}


@pytest.mark.parametrize("case", CASES)
def test_every_metric_is_what_independent_programs_say(case):
    # PESQ and STOI come from the same packages; sums of 300 frames in another order, of float32 samples with theirs
    found = score(*WAVES[case], RATE)
    expected = CASES[case]["expected"]
    assert undefined(found) == {name for name, value in expected.items() if value is None}
    for name in ALL - undefined(found):
        assert found[name] == pytest.approx(expected[name], abs=1e-7), name


@pytest.mark.parametrize("case", [case for case in CASES if case != "identical"])
def test_no_value_is_one_of_waves_that_were_scaled_twice(case):
    found = score(*WAVES[case], RATE)
    for name, wrong in CASES[case]["double_scaled"].items():
        assert wrong is None or abs(found[name] - wrong) > 1e-3, name


def test_the_level_of_the_enhanced_wave_matters_to_ssnr_and_cbak_alone():
    # float32 enters PESQ, so its last digits differ
    at_once, halved = score(CLEAN, NOISY, RATE), score(CLEAN, 0.5 * NOISY, RATE)
    assert {name for name in METRICS if abs(at_once[name] - halved[name]) > 1e-4} == {"ssnr", "cbak"}


def test_the_level_of_both_waves_matters_to_none():
    both = score(0.5 * CLEAN, 0.5 * NOISY, RATE)
    assert both == pytest.approx(score(CLEAN, NOISY, RATE), abs=1e-4)


def test_a_scaled_copy_has_the_ssnr_of_its_scale():
    # 10 lg(1 / (1 - 0.5)^2) = 6.0206 dB in every frame
    assert score(CLEAN, 0.5 * CLEAN, RATE)["ssnr"] == pytest.approx(20 * np.log10(2), abs=1e-6)


def test_more_noise_is_worse_in_every_metric():
    little, much = (score(CLEAN, CLEAN + gain * noise(CLEAN), RATE) for gain in (0.3, 1.5))
    for name in METRICS:
        assert (little[name] > much[name]) == (name in enhancement.HIGHER), name


def test_si_sdr_is_the_ratio_of_a_sine_to_what_is_orthogonal_to_it():
    # a = 0.5, and <cos, sin> = 0 over whole periods: 10 lg(0.5^2 / 0.05^2) = 20 dB
    time = 2 * np.pi * 100 * np.arange(1600) / RATE
    assert enhancement.si_sdr(np.sin(time), 0.5 * np.sin(time) + 0.05 * np.cos(time)) == pytest.approx(20, abs=1e-9)


def test_si_sdr_does_not_take_the_mean_out():
    # the constant is orthogonal to the sine: 10 lg((1 / 2) / 0.1^2) = 16.99 dB; without its mean the wave is a copy
    sine = np.sin(2 * np.pi * 100 * np.arange(1600) / RATE)
    assert enhancement.si_sdr(sine, sine + 0.1) == pytest.approx(10 * np.log10(50), abs=1e-9)


def test_si_sdr_of_a_wave_without_any_part_of_the_clean_one_is_undefined():
    time = 2 * np.pi * 100 * np.arange(1600) / RATE
    assert np.isnan(enhancement.si_sdr(np.sin(time), np.cos(time)))


def test_the_composites_are_hu_and_loizous_sums():
    # worked by hand: 3.093 - 1.029 * 0.5 + 0.603 * 2 - 0.009 * 30 = 3.5145, and so on
    found = enhancement.composites({"pesq": 2.0, "llr": 0.5, "wss": 30.0, "ssnr": 4.0})
    assert found == pytest.approx({"csig": 3.5145, "cbak": 2.632, "covl": 2.738}, abs=1e-12)


def test_the_composites_stay_between_1_and_5_and_are_undefined_with_a_term():
    best = enhancement.composites({"pesq": 4.6, "llr": 0.0, "wss": 0.0, "ssnr": 35.0})
    worst = enhancement.composites({"pesq": 1.0, "llr": 5.0, "wss": 150.0, "ssnr": -10.0})
    assert set(best.values()) == {5.0} and set(worst.values()) == {1.0}
    assert undefined(enhancement.composites({"pesq": 2.0, "llr": np.nan, "wss": 30.0, "ssnr": 4.0})) == {"csig", "covl"}


@pytest.mark.parametrize(
    ("clean", "enhanced", "expected"),
    [
        (0 * CLEAN, NOISY, ALL),
        (0 * CLEAN, 0 * CLEAN, ALL),
        (CLEAN, 0 * CLEAN, ALL - {"ssnr", "wss"}),
        (CLEAN, CLEAN, {"si_sdr"}),
        (CLEAN, -0.3 * CLEAN, {"si_sdr"}),
        (CLEAN, np.where(np.arange(RATE) < RATE // 2, 0, NOISY), {"llr", "csig", "covl"}),
        (CLEAN[:0], NOISY[:0], ALL),
        (CLEAN[:1], NOISY[:1], ALL),
        (CLEAN[:599], NOISY[:599], ALL - {"si_sdr"}),
        (CLEAN[:600], NOISY[:600], ALL - {"si_sdr", "ssnr", "llr", "wss"}),
        (CLEAN[:3999], NOISY[:3999], {"pesq", "pesq_nb", "stoi", "estoi", "csig", "cbak", "covl"}),
        (CLEAN[:4000], NOISY[:4000], {"stoi", "estoi"}),
        (CLEAN[4000:12000], NOISY[4000:12000], set()),
    ],
)
def test_what_is_undefined_is_nan_and_never_a_number(clean, enhanced, expected):
    assert undefined(score(clean, enhanced, RATE)) == expected


def test_stoi_is_undefined_where_silence_leaves_too_few_frames():
    clean = CLEAN * (np.arange(RATE) < 2000)  # an eighth of a second of sound
    assert undefined(score(clean, clean + noise(clean), RATE)) >= {"stoi", "estoi"}


def test_a_single_sample_that_is_part_of_the_clean_one_is_a_copy():
    assert np.isnan(enhancement.si_sdr(np.array([0.5]), np.array([0.1])))


@pytest.mark.parametrize(
    ("clean", "enhanced", "rate", "message"),
    [
        (CLEAN, NOISY, 8000, "at 8000 Hz, expected 16000 Hz"),
        (CLEAN, NOISY[:-1], RATE, r"shapes \(16000,\) and \(15999,\)"),
        (CLEAN[None], NOISY[None], RATE, r"shapes \(1, 16000\)"),
        (CLEAN, (NOISY * 32768).astype(np.int16), RATE, "the enhanced wave holds int16"),
        (CLEAN * 32768, NOISY, RATE, r"the clean wave has a peak of \d+.*, expected full scale at 1"),
        (np.minimum(CLEAN * 32768, 0), NOISY, RATE, r"the clean wave has a peak of \d+.*, expected full scale at 1"),
        (CLEAN, np.where(np.arange(RATE) < 3, np.nan, NOISY), RATE, "3 samples of the enhanced wave are not finite"),
        (np.full(RATE, np.inf), NOISY, RATE, "16000 samples of the clean wave are not finite"),
    ],
)
def test_waves_that_are_not_as_said_are_refused(clean, enhanced, rate, message):
    with pytest.raises(Refused, match=message):
        score(clean, enhanced, rate)


def test_estoi_of_digital_silence_is_the_same_again_and_leaves_the_global_generator_alone():
    # pystoi divides noise that it draws by the level of a silent band, which is that of the noise
    enhanced = NOISY * (np.arange(RATE) > RATE // 2)
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    first = enhancement.stoi(CLEAN, enhanced, extended=True)
    assert np.random.random() == expected  # noqa: NPY002
    assert enhancement.stoi(CLEAN, enhanced, extended=True) == first


def test_pesq_of_more_utterances_than_the_program_has_room_for():
    # 60 bursts in 27 s end the process otherwise; all alike, they have the value of ten of them, to a few hundredths
    bursts = np.concatenate([np.r_[speechlike(0.25), np.zeros(3200)] for _ in range(60)])
    noisy = bursts + noise(bursts) / 10
    tenth = bursts.size // 6
    whole, part = enhancement.pesq(bursts, noisy), enhancement.pesq(bursts[:tenth], noisy[:tenth])
    assert whole == pytest.approx(part, abs=0.1)


def test_a_long_wave_has_the_mean_of_its_stretches_that_are_defined():
    clean = np.concatenate([speechlike(19.0), np.zeros(19 * RATE)])  # two stretches, no utterance in the second
    noisy = clean + noise(clean)
    expected = enhancement.pesq(clean[: 19 * RATE], noisy[: 19 * RATE])
    assert enhancement.pesq(clean, noisy) == pytest.approx(expected, abs=1e-12)


def rows():
    for i, gain in enumerate((0.5, 1.0, 1.5)):
        noisy = CLEAN + gain * noise(CLEAN)
        yield pairs.Pair(f"u{i}", *(np.rint(wave * 32768).astype(np.int16) for wave in (CLEAN, noisy)))


def over_frames(clean, enhanced, rate):
    return enhancement.over_frames(clean.astype(float), enhanced.astype(float))


def level(clean, enhanced, rate):
    return {"level": float(np.abs(enhanced).max()), "rate": rate}


def test_a_table_has_a_row_a_pair_in_their_order_whatever_the_number_of_processes():
    one, two = (pairs.table(rows(), RATE, (over_frames, level), jobs) for jobs in (1, 2))
    assert list(one) == ["ssnr", "llr", "wss", "level", "rate"] and one["ssnr"].is_monotonic_decreasing
    assert (one["rate"] == RATE).all() and one["level"].between(0.1, 1).all()  # of 16-bit samples, full scale at 1
    assert one.equals(two)


def test_a_pair_that_is_refused_is_named():
    broken = pairs.Pair("p232_001", CLEAN, NOISY[:-5])
    with pytest.raises(Refused, match=r"p232_001: clean and enhanced waves have shapes \(16000,\) and \(15995,\)"):
        pairs.table([*rows(), broken], RATE, (enhancement.score,), 1)
