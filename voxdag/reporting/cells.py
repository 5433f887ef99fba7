"""What stands in the cells of a report's tables: values with their intervals, differences with verdicts, words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxdag.reporting.measured import Task, marks
from voxdag.tasks.explained import Measure

EMPTY = ""


@dataclass(frozen=True)
class Value:
    """A value of a metric with the ends of its interval (NaN: none), and what its name says of how it was come by."""

    measure: Measure
    value: float
    low: float = math.nan
    high: float = math.nan
    notes: tuple[str, ...] = ()
    signed: bool = False

    @property
    def text(self) -> str:
        """As it is shown, without the unit."""
        return self.measure.text(self.value, self.signed)

    @property
    def interval(self) -> str:
        """The ends as they are shown; nothing where there is none."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return EMPTY
        return " to ".join(self.measure.text(end, self.signed) for end in (self.low, self.high))


@dataclass(frozen=True)
class Difference:
    """A paired difference, its margin (NaN: none was stated) and the verdict on the first of the two."""

    value: Value
    margin: float
    verdict: str


@dataclass(frozen=True)
class Row:
    """A row of a table: its head, whether that is a baseline, its cells (values, differences, or words), and what sets
    it apart from other rows."""

    head: str
    cells: Sequence[Value | Difference | str]
    baseline: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table: what it holds, the heads of its columns (that of the rows first), its rows, and what is to be known of
    its figures: sentences."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    note: str = ""


def value(task: Task, row: Mapping) -> Value:
    """The cell of a row of a table of intervals: metric, value, low, high."""
    metric = str(row["metric"])
    found, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return Value(task.measure(metric), found, low, high, marks(metric))


def head(measure: Measure) -> str:
    """A metric as the head of a column: its name and unit."""
    return f"{measure.name} ({measure.unit})" if measure.unit else measure.name
