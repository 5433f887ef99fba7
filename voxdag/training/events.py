"""What training says of itself as it goes: events on two clocks.

An event is a place on a clock and named values there. The clocks are the global step and the epoch, both from 1:

    {"train/global_step": 7, "train/loss": 0.693147182, "train/grad_norm": 1.25, "train/lr": 0.0005}
    {"epoch": 1, "epoch/global_step": 60, "epoch/train_loss": 0.61, "epoch/dev_eer": 0.25}

A name is on one clock alone, so what wants an axis for each name mixes none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

STEP, EPOCH = "train/global_step", "epoch"  # the clocks
DIGITS = 9  # significant ones; a float32 has no more


@dataclass(frozen=True)
class Event:
    """axis: the clock; place: where on it; values: by name, None where one is undefined."""

    axis: str
    place: int
    values: Mapping[str, float | None]

    @staticmethod
    def of(axis: str, place: int, values: Mapping[str, float]) -> Event:
        """The event with its values rounded to DIGITS, those that are not finite undefined."""
        return Event(axis, place, {name: _rounded(value) for name, value in values.items()})

    def line(self) -> str:
        """As it stands in the file; the clock comes first."""
        return json.dumps({self.axis: self.place, **self.values}, allow_nan=False) + "\n"

    @staticmethod
    def read(line: str) -> Event:
        """The event that `line` gave."""
        (axis, place), *values = json.loads(line).items()
        return Event(axis, place, dict(values))


def _rounded(value: float) -> float | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
