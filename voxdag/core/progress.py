"""A bar for loops that take minutes: on a terminal only, and gone when the loop has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], what: str) -> Iterable[T]:
    """The items, with a bar that says how many of `what` are done."""
    return tqdm(items, desc=what, leave=False, disable=None)  # None: on a terminal only
