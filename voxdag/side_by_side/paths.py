"""Chains of stages through the graph, and how long they take."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Mapping

UNKNOWN = 1.0  # s that a stage takes which was never timed: so the longest chain of stages counts

Graph = Mapping[str, Collection[str]]  # stage -> the stages that it waits for


def urgency(above: Graph, seconds: Mapping[str, float]) -> dict[str, float]:
    """stage -> seconds from its begin to the end of the longest chain that follows; the highest is begun first."""
    longest = {name: seconds.get(name, UNKNOWN) for name in above}
    for name in reversed(list(graphlib.TopologicalSorter(above).static_order())):
        for parent in above[name]:
            longest[parent] = max(longest[parent], seconds.get(parent, UNKNOWN) + longest[name])
    return longest


def longest_chain(above: Graph, seconds: Mapping[str, float]) -> list[str]:
    """The stages of the chain that takes longest, first to last; those without seconds take none and are left out."""
    until: dict[str, tuple[float, list[str]]] = {}
    for name in graphlib.TopologicalSorter(above).static_order():
        before, chain = max((until[parent] for parent in above[name]), key=lambda one: one[0], default=(0.0, []))
        own = [name] if name in seconds else []
        until[name] = (before + seconds.get(name, 0.0), chain + own)
    return max(until.values(), key=lambda one: one[0], default=(0.0, []))[1]
