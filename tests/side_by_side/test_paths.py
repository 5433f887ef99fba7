"""Chains of stages, worked by hand."""

from voxdag.side_by_side.paths import longest_chain, urgency

#        a(1) -> b(5) -> d(1)        e(3)
#             -> c(2) ->
ABOVE = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
SECONDS = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 1.0, "e": 3.0}


def test_what_begins_the_longest_chain_is_most_urgent():
    assert urgency(ABOVE, SECONDS) == {"a": 7.0, "b": 6.0, "c": 3.0, "d": 1.0, "e": 3.0}


def test_without_times_the_longest_chain_has_most_stages():
    assert urgency(ABOVE, {}) == {"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0, "e": 1.0}


def test_the_longest_chain_is_in_the_order_in_which_it_runs():
    assert longest_chain(ABOVE, SECONDS) == ["a", "b", "d"]
    assert longest_chain(ABOVE, SECONDS | {"e": 8.0}) == ["e"]


def test_stages_that_took_no_time_connect_and_are_left_out():
    assert longest_chain(ABOVE, {"a": 1.0, "d": 1.0, "e": 1.5}) == ["a", "d"]
    assert longest_chain(ABOVE, {}) == [] == longest_chain({}, {})
