"""The independent judges: against the published program, and where they are undefined or not installed."""

import importlib.util

import numpy as np
import pytest
import torch

from tests.scoring.test_enhancement import CLEAN, NOISY, golden
from voxdag.core.errors import Refused
from voxdag.scoring import judges
from voxdag.scoring.judges import METRICS, RATE, judge

EXTRA = ["distillmos", "resemblyzer"]
INSTALLED = all(importlib.util.find_spec(name) for name in EXTRA)
with_extra = pytest.mark.skipif(not INSTALLED, reason="the packages of requirements-judges.txt are not installed")

# What `speechmos.dnsmos.run` (speechmos 0.0.1.1, onnxruntime 1.32.0) says of golden/enhancement/vbd_p257_143_noisy: of
# 2.52 s, doubled twice, one window; of it repeated seven times, 17.6 s, nine windows, of which two are left out
DNSMOS = {1: (1.2340, 1.1169, 1.0607), 7: (1.6235, 1.2576, 1.2088)}


@pytest.fixture
def bare(monkeypatch):
    """Without the optional packages, whatever is installed."""
    monkeypatch.setattr(judges, "absent", lambda: tuple(judges.OPTIONAL))


@pytest.mark.parametrize("times", DNSMOS)
def test_dnsmos_is_that_of_the_published_program(times):
    _, enhanced = golden("vbd_p257_143_noisy")
    found = judges.dnsmos(np.tile(enhanced, times))
    # rounded to the fourth decimal; kernels of another processor end in other digits
    assert tuple(found.values()) == pytest.approx(DNSMOS[times], abs=2e-3)


def test_dnsmos_hears_noise_as_worse(bare):
    clean, noisy = golden("vbd_p257_143_noisy")
    of_clean, of_noisy = judge(clean, clean, RATE), judge(clean, noisy, RATE)
    assert all(of_clean[name] > of_noisy[name] + 0.2 for name in METRICS[:3])


def test_samples_beyond_full_scale_are_heard_as_a_file_holds_them(bare):
    clean, noisy = golden("vbd_p257_143_noisy")
    clipped = np.clip(20 * noisy, -1, 1)
    assert judge(clean, 20 * noisy, RATE) == pytest.approx(judge(clean, clipped, RATE), nan_ok=True)


def test_digital_silence_is_not_judged():
    assert all(np.isnan(value) for value in judge(CLEAN, 0 * CLEAN, RATE).values())
    assert all(np.isnan(value) for value in judge(CLEAN[:0], CLEAN[:0], RATE).values())


def test_judges_that_are_not_installed_say_nothing_and_are_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in EXTRA else found(name))
    judges.absent.cache_clear()
    try:
        assert judges.absent() == ("distillmos", "speaker_similarity")
        values = judge(CLEAN, NOISY, RATE)
    finally:
        judges.absent.cache_clear()
    assert {name for name, value in values.items() if np.isnan(value)} == set(judges.OPTIONAL)


def test_another_rate_is_refused():
    with pytest.raises(Refused, match="at 8000 Hz, expected 16000 Hz"):
        judge(CLEAN, NOISY, 8000)


@with_extra
def test_the_optional_judges_hear_noise_as_worse_and_print_nothing(capsys):
    clean, noisy = golden("vbd_p257_143_noisy")
    of_clean, of_noisy = judge(clean, clean, RATE), judge(clean, noisy, RATE)
    assert of_clean["distillmos"] > of_noisy["distillmos"] + 0.5
    assert of_clean["speaker_similarity"] == pytest.approx(1, abs=1e-5)
    assert 0.4 < of_noisy["speaker_similarity"] < 0.9
    assert capsys.readouterr().out == ""


@with_extra
def test_the_level_of_the_enhanced_wave_matters_to_none_of_the_optional_judges():
    clean, noisy = golden("vbd_p257_143_noisy")
    loud, quiet = (judge(clean, gain * noisy, RATE) for gain in (1.0, 0.1))
    assert all(loud[name] == pytest.approx(quiet[name], abs=1e-4) for name in judges.OPTIONAL)
    assert np.isnan(judge(0 * clean, noisy, RATE)["speaker_similarity"])


@with_extra
def test_another_speaker_is_less_similar_than_the_same_in_noise():
    (clean, noisy), (other, _) = golden("vbd_p257_143_noisy"), golden("vbd_p232_170_noisy")
    same = judges.speaker_similarity(clean, noisy)
    assert judges.speaker_similarity(clean, other) < same


@with_extra
def test_the_number_of_threads_is_as_it_was():
    before = torch.get_num_threads()
    judge(CLEAN, NOISY, RATE)
    assert torch.get_num_threads() == before
