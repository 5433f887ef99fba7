"""Reverberation: no delay, the level kept, linear, and what a response is."""

import numpy as np
import pytest

from voxdag.audio.reverberation import drawn_room, reverberate
from voxdag.core.errors import Refused


def wave(n=4000, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(n)


def room(seed=1):
    return drawn_room(16000, np.random.default_rng(seed))


@pytest.mark.parametrize("before", [0, 1, 37, 6000])
def test_a_direct_path_is_no_delay_wherever_it_stands(before):
    np.testing.assert_allclose(reverberate(wave(), np.append(np.zeros(before), room())), reverberate(wave(), room()))


def test_by_hand():
    # the greatest sample, 2, is no delay; 1 lies before it, -1 two behind: y[n] = x[n+1] + 2 x[n] - x[n-2]
    given = np.array([1.0, 0.0, 0.0, 3.0])
    expected = np.array([2.0, 0.0, 2.0, 6.0])
    np.testing.assert_allclose(
        reverberate(given, np.array([1.0, 2.0, 0.0, -1.0])), expected * np.sqrt(10 / 44), atol=1e-12
    )


def test_a_response_of_one_sample_changes_nothing_whatever_its_size():
    for size in (1.0, 1e-6, 300.0):
        np.testing.assert_allclose(reverberate(wave(), np.array([size])), wave(), rtol=1e-12)


def test_the_sign_of_a_response_is_heard():
    np.testing.assert_allclose(reverberate(wave(), -room()), -reverberate(wave(), room()))


@pytest.mark.parametrize("samples", [1, 50, 4000, 40000])
def test_power_length_and_type_are_kept(samples):
    for dtype in (np.float32, np.float64):
        given = wave(samples).astype(dtype)
        heard = reverberate(given, room())
        assert heard.shape == given.shape and heard.dtype == dtype
        assert np.mean(np.square(heard, dtype=float)) == pytest.approx(np.mean(np.square(given, dtype=float)), rel=1e-5)


def test_the_tail_is_the_rooms():
    # a click in a room is the room's response
    click = np.zeros(9000)
    click[100] = 1.0
    heard, expected = reverberate(click, room())[100:], room()[:8900]
    np.testing.assert_allclose(heard[: len(expected)] / heard[0], expected / expected[0], atol=1e-12)
    assert np.abs(reverberate(click, room())[:100]).max() < 1e-15


def test_it_is_linear_up_to_its_level():
    np.testing.assert_allclose(reverberate(3 * wave(), room()), 3 * reverberate(wave(), room()))
    one, other = (np.convolve(wave(seed=seed), room())[:4000] for seed in (0, 4))
    summed = reverberate(wave() + wave(seed=4), room())
    assert np.corrcoef(summed, one + other)[0, 1] == pytest.approx(1, abs=1e-12)


def test_silence_stays_silent():
    assert not reverberate(np.zeros(100), room()).any()


@pytest.mark.parametrize("response", [np.zeros(0), np.zeros(50), np.ones((2, 3))])
def test_what_is_no_response_is_refused(response):
    with pytest.raises(Refused, match="the impulse response is"):
        reverberate(wave(), response)


def test_a_drawn_room_has_the_time_and_the_ratio_that_were_drawn():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rt60, direct_db = rng.uniform(0.12, 0.6), rng.uniform(3.0, 18.0)
        found = room(seed)
        assert len(found) == round(16000 * rt60) and found[0] == 1 and not found[1:48].any()
        assert 10 * np.log10(1 / np.sum(found[1:] ** 2)) == pytest.approx(direct_db)
        # the level of the decay: 10 lg of exponentially distributed power has a standard deviation of 5.6 dB
        time = np.arange(len(found))[48:] / 16000
        slope = np.polyfit(time, 10 * np.log10(found[48:] ** 2 + 1e-30), 1)[0]
        assert slope == pytest.approx(-60 / rt60, rel=0.1)
