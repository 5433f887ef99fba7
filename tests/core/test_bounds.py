"""Bounds of settings: what is inside and what is outside, at the edge and beside it."""

from dataclasses import dataclass

import pytest

from voxdag.core import bounds
from voxdag.core.errors import Refused


@dataclass(frozen=True)
class Settings:
    x: object


def at_least(settings, name):
    bounds.at_least(settings, 1, name)


def above(settings, name):
    bounds.above(settings, 1, name)


def within(settings, name):
    bounds.within(settings, 1, 2, name)


def below(settings, name):
    bounds.below(settings, 1, 2, name)


def one_of(settings, name):
    bounds.one_of(settings, {"a": 1, "b": 2}, name)


def inside(settings, name):
    bounds.inside(settings, "the house", name)


CASES = [
    (at_least, [1, 1.5, (1, 2), None], [0.9, -1, (1, 0), float("nan")], "1 or more"),
    (above, [1.1, (2, 3), None], [1, 0, (2, 1), float("nan")], "more than 1"),
    (within, [1, 2, (1, 2), None], [0.9, 2.1, (1, 3), float("nan")], "1 to 2"),
    (below, [1, 1.9, None], [0.9, 2, (1, 2), float("nan")], "from 1 to below 2"),
    (bounds.share, [0, 1, 0.5, None], [-0.1, 1.1, float("nan")], "a share from 0 to 1"),
    (one_of, ["a", "b", ("a", "a"), None], ["c", "", ("a", "c")], "one of a, b"),
    (bounds.range_in_order, [(1, 2), (1, 1), None], [(2, 1)], "a range in order"),
    (bounds.not_empty, [(0,), "a", None], [(), ""], "at least one"),
    (bounds.distinct, [(1, 2), (), None], [(1, 2, 1)], "each once"),
    (inside, ["a", "a/b", "a/..b", None], ["", ".", "/a", "..", "a/../../b", "a/../b"], "a folder inside the house"),
]


@pytest.mark.parametrize(("bound", "value"), [(bound, value) for bound, good, _, _ in CASES for value in good])
def test_what_is_inside_is_taken(bound, value):
    bound(Settings(value), "x")


@pytest.mark.parametrize(
    ("bound", "value", "expected"), [(bound, value, words) for bound, _, bad, words in CASES for value in bad]
)
def test_what_is_outside_is_refused_with_name_value_and_what_was_expected(bound, value, expected):
    with pytest.raises(Refused) as caught:
        bound(Settings(value), "x")
    assert str(caught.value) == f"x is {value!r}, expected {expected}"


def test_several_fields_have_one_bound():
    @dataclass
    class Two:
        x: int
        y: int

    with pytest.raises(Refused, match="^y is 0, expected 1 or more$"):
        bounds.at_least(Two(1, 0), 1, "x", "y")
