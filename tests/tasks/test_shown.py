"""Numbers on the web page."""

import pytest

from voxdag.tasks.shown import percent, told_apart


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, -1.25], ["0.500", "-1.250"]),
        ([0.67131, 0.67128], ["0.67131", "0.67128"]),  # a score just above its threshold is not shown as equal to it
        ([0.25, 0.25], ["0.250", "0.250"]),
        ([1.0, 1.0 + 1e-12], ["1.000000000", "1.000000000"]),
        ([2.0], ["2.000"]),
    ],
)
def test_values_that_differ_read_differently(values, expected):
    assert told_apart(values) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.9499, "95.0 %"), (0.9994, "> 99.9 %"), (1.0, "> 99.9 %"), (0.0006, "< 0.1 %"), (0.0, "< 0.1 %")],
)
def test_no_probability_is_written_as_certain(share, expected):
    assert percent(share) == expected
