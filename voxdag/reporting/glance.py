"""A task at a glance: its systems and baselines in the metric that leads, as dots with intervals on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxdag.reporting import cells, heard, tables
from voxdag.reporting.cells import Value
from voxdag.reporting.measured import Task
from voxdag.scoring import verdicts

MARGIN = 0.06  # of the scale, left free at both ends
STEPS = (1, 2, 2.5, 5)
TICKS = 4  # about so many


@dataclass(frozen=True)
class Tick:
    """A value of the scale as it is shown, and its place in per cent."""

    text: str
    at: float


@dataclass(frozen=True)
class Dot:
    """A system or baseline: its value and, in per cent of the scale, the places of the value and of the ends of its
    interval (the value's own where it has none)."""

    name: str
    baseline: bool
    value: Value
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Glance:
    """label   metric and unit
    better  which end of it is the better
    ticks   of the scale
    dots    in the order of params.yaml, by how they heard eval (in words)
    drawn   what their intervals draw, in a sentence
    """

    label: str
    better: str
    ticks: Sequence[Tick]
    dots: Mapping[str, Sequence[Dot]]
    drawn: str


def glance(task: Task) -> Glance | None:
    """The picture of a task; None where nothing is measured."""
    if not task.leading:
        return None
    metric = task.leading[0]
    rows = [(row.head, row.baseline, row.cells[0]) for row in tables.headline(task).rows]
    shown = [(name, base, cell) for name, base, cell in rows if isinstance(cell, Value) and math.isfinite(cell.value)]
    if not shown:
        return None
    ends = [end for _, _, cell in shown for end in (cell.value, cell.low, cell.high) if math.isfinite(end)]
    first, last = _widened(min(ends), max(ends))

    def place(value: float) -> float:
        return round(100 * (value - first) / (last - first), 2)

    def dot(name: str, base: bool, cell: Value) -> Dot:
        low, high = ((end if math.isfinite(end) else cell.value) for end in (cell.low, cell.high))
        return Dot(name, base, cell, place(cell.value), place(low), place(high))

    measure = task.measure(metric)
    scale = [Tick(_tick(measure, value), place(value)) for value in _ticks(first, last)]
    better = "higher is better" if task.higher(metric) else "lower is better"
    dots = [dot(*one) for one in shown]
    groups = {how: [one for one in dots if one.name in names] for how, names in heard.by_recordings(task).items()}
    leading = task.means[task.means["metric"].map(verdicts.measured) == metric]
    drawn = heard.drawn(task, dict.fromkeys(leading.loc[leading["low"].notna(), heard.COLUMN]))
    return Glance(cells.head(measure), better, scale, {how: some for how, some in groups.items() if some}, drawn)


def _widened(low: float, high: float) -> tuple[float, float]:
    room = MARGIN * (high - low) or abs(low) * MARGIN or 1.0
    return low - room, high + room


def _ticks(first: float, last: float) -> list[float]:
    """Round values between the ends."""
    raw = (last - first) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((step * power for step in STEPS if step * power >= raw), 10 * power)
    return [round(i * step, 10) for i in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _tick(measure: cells.Measure, value: float) -> str:
    shown = 100 * value if measure.unit == "%" else value
    return f"{shown:.6g}".replace("-", "−")
