"""When frames are heard: by hand; what ffmpeg decodes is in test_decode.py."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from voxdag.audio.ffmpeg import Clock, Undecodable

MS = Fraction(1, 1000)


def hear(times, gap=0.05):
    """Frames of 20 ms, at these milliseconds."""
    clock = Clock(gap)
    for time in times:
        clock.hears(SimpleNamespace(pts=time, time_base=MS, samples=320, sample_rate=16_000))


@pytest.mark.parametrize(
    "times",
    [
        range(0, 2000, 20),
        range(700, 2000, 20),  # it need not begin at 0
        [20 * i + (-1) ** i * 7 for i in range(100)],  # a clock that is now early, now late
        [20 * i + i // 100 for i in range(20_000)],  # one that is faster by half a thousandth
        [*range(0, 400, 20), *range(0, 400, 20)],  # a recording that was joined
        [0, None, 40],  # frames at the end have no time
        [0, 20, 90],  # at most 50 ms
    ],
)
def test_frames_that_follow_each_other_are_heard(times):
    hear(times)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 20, 91], "damaged: 0.051 s are missing before 0.091 s"),
        ([0, 0, 20, 40, 120], "damaged: 0.060 s are missing before 0.120 s"),
        ([30 * i for i in range(20)], "damaged: 0.060 s are missing before 0.180 s"),  # 10 ms before each
        ([*range(0, 400, 20), *(30 * i for i in range(20))], "damaged: 0.060 s are missing before 0.180 s"),
        ([*range(0, 400, 20), *range(0, 400, 20), 460], "damaged: 0.060 s are missing before 0.460 s"),
    ],
)
def test_frames_that_are_missing_are_noticed(times, message):
    with pytest.raises(Undecodable, match=message):
        hear(times)
