"""Mixing speech and noise: the ratio is exact, and a pair stays one."""

import numpy as np
import pytest

from voxdag.audio.mixing import PEAK, mix
from voxdag.core.errors import Refused


@pytest.fixture
def waves():
    """Quiet speech and loud noise, (n,)."""
    draw = np.random.default_rng(0)
    return 0.02 * draw.standard_normal(8000), 3.0 * draw.standard_normal(8000)


def ratio(clean, noisy):
    """SNR of a pair in dB."""
    return 10 * np.log10(np.sum(clean**2) / np.sum((noisy - clean) ** 2))


@pytest.mark.parametrize("snr", [-30.0, -2.5, 0.0, 7.5, 40.0])
def test_the_ratio_is_the_one_asked_for_whatever_the_levels(waves, snr):
    clean, noise = waves
    for level in (1.0, 1e-3, 50.0):
        noisy, kept, _ = mix(clean, level * noise, snr)
        assert ratio(kept, noisy) == pytest.approx(snr)


def test_quiet_speech_passes_as_it_was(waves):
    clean, noise = waves
    noisy, kept, gain = mix(clean, noise, 10.0)
    assert gain == 1.0 and np.array_equal(kept, clean)
    # by hand: noise of the power of the speech over 10
    expected = noise * np.sqrt(np.mean(clean**2) / 10 / np.mean(noise**2))
    np.testing.assert_allclose(noisy - clean, expected)


@pytest.mark.parametrize(("level", "snr"), [(20.0, 30.0), (0.5, -40.0)])
def test_where_one_would_be_clipped_both_are_turned_down_alike(waves, level, snr):
    clean, noise = waves
    noisy, kept, gain = mix(level * clean, noise, snr)
    assert gain < 1 and max(np.abs(noisy).max(), np.abs(kept).max()) == pytest.approx(PEAK)
    np.testing.assert_allclose(kept, gain * level * clean)
    assert ratio(kept, noisy) == pytest.approx(snr)


def test_a_clean_file_that_is_louder_than_the_mixture_is_not_clipped_either():
    clean = np.array([2.0, 0.1, 0.1, 0.1])
    noisy, kept, _ = mix(clean, np.array([-1.0, 0.0, 0.0, 0.0]), 0.0)
    assert np.abs(kept).max() == pytest.approx(PEAK) and np.abs(noisy).max() < PEAK


@pytest.mark.parametrize(
    ("clean", "noise", "message"),
    [
        (np.zeros(4), np.ones(4), "the speech is silent"),
        (np.ones(4), np.zeros(4), "the noise is silent"),
        (np.ones(4), np.ones(5), r"speech of shape \(4,\) and noise of shape \(5,\), expected \(n,\)"),
        (np.ones((4, 2)), np.ones((4, 2)), "expected"),
    ],
)
def test_what_cannot_be_mixed_is_refused(clean, noise, message):
    with pytest.raises(Refused, match=message):
        mix(clean, noise, 0.0)
