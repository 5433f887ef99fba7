"""A matrix of systems by what they were tested on, one panel a metric.

Two panels stand beside one another, over both columns of a page, unless the matrix is too wide for that. Systems are
named at the left, columns below the lowest panels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

COLUMNS = ("system", "column", "metric", "value")
PAGE = 7.16  # inches, both columns of an IEEE page
MANY = 8  # columns; more take the whole width
PANEL, ROW, NAMES = 0.3, 0.2, 0.55  # inches: of a panel beside its rows, of a row, of the columns' names
CHARACTER = 0.055  # inches, of a name
DARK = 0.6  # share of the scale above which a cell is too dark for black text
EMPTY = "#F2F2F2"  # of a cell without a value
CHARACTERS = 12  # of a column's name in a line
SLOPE = 30  # degrees, of names that are too wide for their columns


@style.paper()
def draw(cells: pd.DataFrame, shown: Mapping[str, tuple[str, bool]]) -> Plot:
    """Draw cells, one a row: COLUMNS, of metrics of which the lower is the better. A cell without a value is grey.

    shown: metric -> its words, and whether it is a rate that is written in per cent.

    Raises Refused if a column is missing, or no cell has a metric that is shown.
    """
    require.columns("cells", cells, COLUMNS)
    rows = cells[cells["metric"].isin(shown)]
    require.rows("cells of the metrics that are shown", rows, COLUMNS)
    systems, columns = (list(dict.fromkeys(rows[name])) for name in ("system", "column"))
    panels = [metric for metric in shown if (rows["metric"] == metric).any()]
    across = 2 if len(panels) > 1 and len(columns) <= MANY else 1
    width = PAGE if across > 1 or len(columns) > MANY else style.WIDTH
    down = -(-len(panels) // across)
    canvas = style.new_figure(height=down * (PANEL + ROW * len(systems)) + NAMES, width=width)
    places = canvas.subplots(down, across, squeeze=False).ravel()
    room = (width - CHARACTER * max(len(str(name)) for name in systems)) / across / len(columns)
    for i, (axes, metric) in enumerate(zip(places, panels, strict=False)):
        of_metric = rows[rows["metric"] == metric].pivot(index="system", columns="column", values="value")
        _panel(axes, of_metric.reindex(index=systems, columns=columns), *shown[metric])
        if i % across:
            axes.set_yticks([])
        if i + across < len(panels):
            axes.set_xticks([])
        else:
            _name(axes, columns, room)
    for axes in places[len(panels) :]:
        axes.remove()
    return Plot(rows.reset_index(drop=True), canvas)


def _panel(axes: Axes, values: pd.DataFrame, words: str, in_percent: bool) -> None:
    numbers = values.to_numpy(float)
    highest = max(0.5 if in_percent else 1.0, float(np.nanmax(numbers)) if np.isfinite(numbers).any() else 0.0)
    axes.imshow(np.ma.masked_invalid(numbers), cmap="Oranges", vmin=0, vmax=highest, aspect="auto")
    for (row, column), value in np.ndenumerate(numbers):
        text = "–" if np.isnan(value) else f"{100 * value:.1f}" if in_percent else style.digits(value, 3)
        colour = style.GREY if np.isnan(value) else "white" if value > DARK * highest else style.BLACK
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
    axes.set_facecolor(EMPTY)
    axes.set_yticks(range(len(values.index)), list(values.index))
    axes.tick_params(length=0, labelsize=6)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{words} (%)" if in_percent else words, loc="left")


def _name(axes: Axes, columns: list, room: float) -> None:
    """Name the columns, which have `room` inches each: below one another in two lines at most, or else aslant."""
    names = [style.wrapped(str(name), CHARACTERS) for name in columns]
    axes.set_xticks(range(len(columns)), names)
    if CHARACTER * max(len(line) for name in names for line in name.split("\n")) > room:
        axes.set_xticks(range(len(columns)), [str(name) for name in columns])
        axes.tick_params(axis="x", rotation=SLOPE)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
