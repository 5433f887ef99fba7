"""A bar for loops that take minutes: on a terminal only, and gone when the loop has ended."""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing import parent_process
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], what: str, hidden: bool = False) -> Iterable[T]:
    """The items, with a bar that says how many of `what` are done, unless `hidden`; without one in a process that works
    for another, since several would write over each other."""
    disable = True if hidden or parent_process() is not None else None  # None: on a terminal only
    return tqdm(items, desc=what, leave=False, disable=disable)
