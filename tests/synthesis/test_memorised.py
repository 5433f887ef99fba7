"""Copies of train are found wherever in a recording they were taken from, and what is new is not."""

import numpy as np
import pytest

from voxdag.synthesis import memorised

BANDS, FRAMES = 6, 10


def drawn(count, frames, seed=0):
    """Spectrograms whose neighbouring frames are alike, as those of sounds are: (count, BANDS, frames)."""
    steps = np.random.default_rng(seed).normal(size=(count, BANDS, frames + 8))
    return np.stack([steps[:, :, k : k + frames] for k in range(8)]).mean(0).astype(np.float32)


@pytest.fixture(scope="module")
def train():
    return [*drawn(8, 40, 1), *drawn(4, 25, 2), *drawn(2, FRAMES, 3)]


def by_loops(spectrograms, recordings):
    return [
        min(
            float(np.sqrt(np.square(one.astype(np.float64) - recording[:, k : k + FRAMES]).mean()))
            for recording in recordings
            for k in range(recording.shape[1] - FRAMES + 1)
        )
        for one in spectrograms
    ]


def test_the_nearest_is_that_of_all_places_one_by_one(train):
    spectrograms = drawn(70, FRAMES, 4)  # more than are laid against a recording at once
    np.testing.assert_allclose(memorised.nearest(spectrograms, train), by_loops(spectrograms, train), atol=1e-5)


def test_a_copy_from_the_middle_of_a_recording_is_found_with_slight_noise(train):
    copies = np.stack([train[i][:, 7 + i : 7 + i + FRAMES] for i in range(8)])
    noise = 0.01 * np.random.default_rng(0).normal(size=copies.shape)
    # exact: 1e-7 of the squares, which is 3e-4 of the values
    assert memorised.nearest(copies, train).max() < 1e-3
    assert memorised.nearest(copies + noise, train) == pytest.approx(0.01, rel=0.35)
    of_dev = memorised.nearest(drawn(200, FRAMES, 5), train)
    assert memorised.copied(memorised.nearest(copies + noise, train), of_dev) == 1
    assert memorised.copied(memorised.nearest(drawn(200, FRAMES, 6), train), of_dev) < 0.05


def test_the_limit_is_below_all_but_a_hundredth_of_dev():
    of_dev = np.arange(101) / 100
    assert memorised.limit(of_dev) == pytest.approx(0.01)
    # 0 and 0.005 lie below it, 0.01 does not
    assert memorised.copied(np.array([0.0, 0.005, 0.01, 0.5]), of_dev) == 0.5
    assert memorised.copied(of_dev, of_dev) == pytest.approx(memorised.COPIED, abs=1e-3)


def test_a_recording_shorter_than_a_spectrogram_is_repeated_until_it_fills_it():
    short = drawn(1, 4, 7)[0]
    repeated = np.tile(short, 3)[None, :, :FRAMES]
    assert memorised.nearest(repeated, [short]) == pytest.approx(0, abs=1e-3)
    assert memorised.nearest(np.tile(short, 3)[None, :, 1 : FRAMES + 1], [short]) == pytest.approx(0, abs=1e-3)


def test_the_order_of_recordings_has_no_say_and_more_of_them_are_never_farther(train):
    spectrograms = drawn(9, FRAMES, 8)
    assert (memorised.nearest(spectrograms, train) == memorised.nearest(spectrograms, train[::-1])).all()
    assert (memorised.nearest(spectrograms, train) <= memorised.nearest(spectrograms, train[:5])).all()
