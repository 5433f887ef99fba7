"""What probes tell from each layer of systems, against chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

COLUMNS = ("system", "layer", "value", "low", "high", "chance")
ROW, AROUND = 0.2, 0.8  # inches: of a layer of a system, of the axes around them


@style.paper()
def draw(told: pd.DataFrame, of: str) -> Plot:
    """Recall (fractions) with intervals: one panel a system, one row a layer, the first above; dashed: chance.

    of: what the probes tell. Raises Refused if a column is missing or there is no row.
    """
    require.rows("probes", told, COLUMNS)
    systems = {name: rows for name, rows in told.groupby("system", sort=False)}
    heights = [AROUND + ROW * len(rows) for rows in systems.values()]
    canvas = style.new_figure(height=sum(heights))
    panels = canvas.subplots(len(systems), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (name, rows) in zip(panels, systems.items(), strict=True):
        places = np.arange(len(rows))
        axes.hlines(places, rows["low"], rows["high"], color=style.BLUE, linewidth=1.2)
        axes.plot(rows["value"], places, "o", color=style.BLUE, markersize=3.5)
        axes.axvline(rows["chance"].iloc[0], color=style.GREY, linewidth=0.7, linestyle="--")
        axes.set_yticks(places, rows["layer"], fontsize=6.5)
        axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1))
        axes.tick_params(axis="y", length=0)
        axes.set_title(name, loc="left")
        axes.set_xlabel(f"Unweighted average recall of {of} (%); dashed: chance")
        style.percent_axis(axes, "x")
    return Plot(told.reset_index(drop=True), canvas, intervals=True)
