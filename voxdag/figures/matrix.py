"""A matrix of systems by what they were tested on, one panel a metric."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

COLUMNS = ("system", "column", "metric", "value")
PANEL, ROW = 0.62, 0.2  # inches: around the rows of a panel, of a row
DARK = 0.6  # share of the scale above which a cell is too dark for black text
CHARACTERS = 12  # of a column's name in a line


@style.paper()
def draw(cells: pd.DataFrame, shown: Mapping[str, tuple[str, bool]]) -> Plot:
    """Draw cells, one a row: COLUMNS, of metrics of which the lower is the better. A cell without a value is white.

    shown: metric -> its words, and whether it is a rate that is written in per cent.

    Raises Refused if a column is missing, or no cell has a metric that is shown.
    """
    require.columns("cells", cells, COLUMNS)
    rows = cells[cells["metric"].isin(shown)]
    require.rows("cells of the metrics that are shown", rows, COLUMNS)
    systems, columns = (list(dict.fromkeys(rows[name])) for name in ("system", "column"))
    panels = [metric for metric in shown if (rows["metric"] == metric).any()]
    canvas = style.new_figure(height=len(panels) * (PANEL + ROW * len(systems)))
    for axes, metric in zip(canvas.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        of_metric = rows[rows["metric"] == metric].pivot(index="system", columns="column", values="value")
        _panel(axes, of_metric.reindex(index=systems, columns=columns), *shown[metric])
    return Plot(rows.reset_index(drop=True), canvas)


def _panel(axes: Axes, values: pd.DataFrame, words: str, in_percent: bool) -> None:
    numbers = values.to_numpy(float)
    highest = max(0.5 if in_percent else 1.0, float(np.nanmax(numbers)) if np.isfinite(numbers).any() else 0.0)
    axes.imshow(np.ma.masked_invalid(numbers), cmap="Oranges", vmin=0, vmax=highest, aspect="auto")
    for (row, column), value in np.ndenumerate(numbers):
        text = "–" if np.isnan(value) else f"{100 * value:.1f}" if in_percent else style.digits(value, 3)
        colour = "white" if value > DARK * highest else style.BLACK
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
    axes.set_xticks(range(len(values.columns)), [style.wrapped(str(name), CHARACTERS) for name in values.columns])
    axes.set_yticks(range(len(values.index)), list(values.index))
    axes.tick_params(length=0, labelsize=6)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{words} (%)" if in_percent else words, loc="left")
