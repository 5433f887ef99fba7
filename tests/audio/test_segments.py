"""Cutting: all of a recording is covered, by as few stretches as it takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxdag.audio.segments import even_starts, fit_length


@pytest.mark.parametrize(
    ("total", "starts"), [(1, [0]), (10, [0]), (11, [0, 1]), (20, [0, 10]), (21, [0, 6, 11]), (25, [0, 8, 15])]
)
def test_starts_by_hand(total, starts):
    # of stretches of 10: 21 samples take three, of which the last begins at 11, the middle one at round(5.5) = 6
    assert even_starts(total, 10) == starts


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 400))
def test_stretches_cover_everything_evenly_and_are_as_few_as_can_be(total, length):
    starts = even_starts(total, length)
    assert starts[0] == 0 and len(starts) == max(1, -(-total // length))
    if total > length:
        assert starts[-1] + length == total and max(np.diff(starts)) <= length
        assert max(np.diff(starts)) - min(np.diff(starts)) <= 1


def test_what_ends_before_is_repeated():
    assert fit_length(np.arange(3), 1, 5).tolist() == [1, 2, 1, 2, 1] and fit_length(np.arange(9), 2, 3).tolist() == [
        2,
        3,
        4,
    ]
