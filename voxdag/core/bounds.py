"""Bounds of settings: what the `__post_init__` of their dataclasses says of their fields.

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "epochs", "batch_size")
        bounds.one_of(self, OPTIMIZERS, "optimizer")

A message begins with the field's name; `voxdag.core.params.bind` puts the file and the section before it. A field that
is None has no bounds, and those of a sequence hold for each of its items.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import PurePath

from voxdag.core.errors import Refused


def at_least(settings: object, least: float, *names: str) -> None:
    """Raises Refused for a field below `least`."""
    _check(settings, names, lambda value: value >= least, f"{least} or more")


def above(settings: object, bound: float, *names: str) -> None:
    """Raises Refused for a field that is not above `bound`."""
    _check(settings, names, lambda value: value > bound, f"more than {bound}")


def within(settings: object, least: float, most: float, *names: str) -> None:
    """Raises Refused for a field outside `least` to `most`; these are inside."""
    _check(settings, names, lambda value: least <= value <= most, f"{least} to {most}")


def below(settings: object, least: float, bound: float, *names: str) -> None:
    """Raises Refused for a field outside `least` to `bound`; `bound` itself is outside."""
    _check(settings, names, lambda value: least <= value < bound, f"from {least} to below {bound}")


def share(settings: object, *names: str) -> None:
    """Raises Refused for a field outside 0 to 1."""
    _check(settings, names, lambda value: 0 <= value <= 1, "a share from 0 to 1")


def one_of(settings: object, valid: Collection, *names: str) -> None:
    """Raises Refused for a field that is not among `valid`."""
    _check(settings, names, lambda value: value in valid, f"one of {', '.join(map(str, valid))}")


def range_in_order(settings: object, *names: str) -> None:
    """Raises Refused for a field (from, to) whose end is before its start."""
    _check(settings, names, lambda pair: pair[0] <= pair[1], "a range in order", whole=True)


def not_empty(settings: object, *names: str) -> None:
    """Raises Refused for a list or text without anything in it."""
    _check(settings, names, lambda value: len(value) > 0, "at least one", whole=True)


def distinct(settings: object, *names: str) -> None:
    """Raises Refused for a list in which something stands twice."""
    _check(settings, names, lambda items: len(set(items)) == len(items), "each once", whole=True)


def inside(settings: object, folder: str, *names: str) -> None:
    """Raises Refused for a path that leads out of `folder` (words, for the message), from which it starts."""

    def stays(path: str) -> bool:
        parts = PurePath(path)
        return bool(parts.parts) and not parts.is_absolute() and ".." not in parts.parts

    _check(settings, names, stays, f"a folder inside {folder}")


def _check(
    settings: object, names: Collection[str], holds: Callable[..., bool], expected: str, whole: bool = False
) -> None:
    for name in names:
        value = getattr(settings, name)
        each = value if isinstance(value, (tuple, list)) and not whole else [value]
        if value is not None and not all(holds(item) for item in each):
            raise Refused(f"{name} is {value!r}, expected {expected}")
