"""The independent judges: against the published program, and where they are undefined or not installed."""

import importlib.util

import numpy as np
import pytest
import torch

from tests import speech
from voxdag.core.errors import Refused
from voxdag.scoring import judges
from voxdag.scoring.judges import METRICS, RATE, judge

EXTRA = ["distillmos", "resemblyzer"]
INSTALLED = all(importlib.util.find_spec(name) for name in EXTRA)
with_extra = pytest.mark.skipif(not INSTALLED, reason="the packages of requirements-judges.txt are not installed")

# What `speechmos.dnsmos.run` (speechmos 0.0.1.1, onnxruntime 1.32.0) says of the wave that is called "subtracted": of
# 1.7 s, doubled three times, one window; of it repeated seven times, 11.9 s, three windows
DNSMOS = {1: (2.9593, 2.6729, 2.0052), 7: (2.9570, 2.5975, 1.9680)}
CLEAN = speech.spoken(2.3, 205, tract=1.15)
NOISY = speech.mixed(CLEAN, speech.noise(CLEAN.size, 1, 0.8), 0)
MAN = speech.spoken(2.3, 110)


@pytest.fixture
def bare(monkeypatch):
    """Without the optional packages, whatever is installed."""
    monkeypatch.setattr(judges, "absent", lambda: tuple(judges.OPTIONAL))


@pytest.mark.parametrize("times", DNSMOS)
def test_dnsmos_is_that_of_the_published_program(times):
    _, enhanced = speech.pairs()["subtracted"]
    found = judges.dnsmos(np.tile(enhanced, times))
    # rounded to the fourth decimal; kernels of another processor end in other digits
    assert tuple(found.values()) == pytest.approx(DNSMOS[times], abs=2e-3)


def test_dnsmos_hears_noise_as_worse(bare):
    of_clean, of_noisy = judge(CLEAN, CLEAN, RATE), judge(CLEAN, NOISY, RATE)
    assert all(of_clean[name] > of_noisy[name] + 0.2 for name in METRICS[:3])


def test_samples_beyond_full_scale_are_heard_as_a_file_holds_them(bare):
    clipped = np.clip(20 * NOISY, -1, 1)
    assert judge(CLEAN, 20 * NOISY, RATE) == pytest.approx(judge(CLEAN, clipped, RATE), nan_ok=True)


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
def test_the_optional_judges_say_what_their_packages_do_and_print_nothing(capsys):
    of_clean, of_noisy = judge(CLEAN, CLEAN, RATE), judge(CLEAN, NOISY, RATE)
    # by ConvTransformerSQAModel of distillmos 0.9.1; made by formula, no speech is natural to it
    assert (of_clean["distillmos"], of_noisy["distillmos"]) == pytest.approx((1.305, 2.128), abs=0.02)
    assert of_clean["speaker_similarity"] == pytest.approx(1, abs=1e-5)
    assert 0.4 < of_noisy["speaker_similarity"] < 0.9
    assert capsys.readouterr().out == ""


@with_extra
def test_the_level_of_the_enhanced_wave_matters_to_none_of_the_optional_judges():
    loud, quiet = (judge(CLEAN, gain * NOISY, RATE) for gain in (1.0, 0.1))
    assert all(loud[name] == pytest.approx(quiet[name], abs=1e-4) for name in judges.OPTIONAL)
    assert np.isnan(judge(0 * CLEAN, NOISY, RATE)["speaker_similarity"])


@with_extra
def test_another_speaker_is_less_similar_than_the_same_in_noise():
    same = judges.speaker_similarity(CLEAN, speech.mixed(CLEAN, NOISY - CLEAN, 20))
    assert judges.speaker_similarity(CLEAN, MAN) < same - 0.05


@with_extra
def test_the_number_of_threads_is_as_it_was():
    before = torch.get_num_threads()
    judge(CLEAN, NOISY, RATE)
    assert torch.get_num_threads() == before
