"""A metric as figures show it: its name, its unit, and which end of it is the worse."""

import math
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes

from voxdag.figures import style

PERCENT = "%"
NARROW = 0.01  # width of an interval, one percentage point


@dataclass(frozen=True)
class Metric:
    """column  of tables that holds it, and its name in tables of intervals
    name    in figures
    unit    of its values as they are drawn: "%" of fractions, which are drawn in per cent; dB, s, ...; "" of none
    worst   which end of it is the worse
    note    stands behind name and unit
    """

    column: str
    name: str
    unit: str
    worst: Literal["lowest", "highest"]
    note: str = ""

    @property
    def label(self) -> str:
        """What an axis of it is called: "EER (%)"."""
        return style.noted(f"{self.name} ({self.unit})" if self.unit else self.name, self.note)

    def number(self, value: float, width: float = math.nan) -> str:
        """A value beside an axis that has the unit, otherwise of four digits. A rate has one decimal of the percentage,
        and two where its interval is so narrow (`width`, a fraction) that the second one says something."""
        if self.unit != PERCENT:
            return style.digits(value, 4)
        return f"{100 * value:.2f}" if width < NARROW else f"{100 * value:.1f}"

    def quantity(self, value: float) -> str:
        """A value with its unit, where no axis says it."""
        return style.percent(value) if self.unit == PERCENT else f"{style.digits(value, 4)} {self.unit}".rstrip()

    def scale(self, axes: Axes) -> None:
        """Write the ticks of the horizontal axis in the unit, and its label."""
        axes.set_xlabel(self.label)
        if self.unit == PERCENT:
            style.percent_axis(axes, "x")
