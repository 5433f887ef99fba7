"""The shortcut card: error rates of probes on single traits of recordings, and of systems without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

PROBES, SYSTEMS = ("probe", "value", "low", "high"), ("system", "treatment", "value", "low", "high")
ROW, AROUND = 0.17, 0.75  # inches: of a bar, of the axes around them
CHANCE = 0.5


@style.paper()
def draw(probes: pd.DataFrame, systems: pd.DataFrame) -> Plot:
    """Two panels of EERs (fractions) with intervals: a bar a probe; a bar a treatment of a system, if any.

    Raises Refused if a column is missing or there is no probe.
    """
    require.rows("probes", probes, PROBES)
    require.columns("systems", systems, SYSTEMS)
    names = [probes["probe"].tolist(), (systems["system"] + ", " + systems["treatment"]).tolist()]
    tables = [(table, listed) for table, listed in zip((probes, systems), names, strict=True) if len(table)]
    heights = [AROUND + ROW * len(listed) for _, listed in tables]
    canvas = style.new_figure(height=sum(heights))
    panels = canvas.subplots(len(tables), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (table, listed), words in zip(panels, tables, ("A trait alone", "A system"), strict=False):
        _bars(axes, table, listed)
        axes.set_title(words, loc="left")
    parts = [table.assign(panel=words) for (table, _), words in zip(tables, ("probes", "systems"), strict=False)]
    return Plot(pd.concat(parts, ignore_index=True), canvas, intervals=True)


def _bars(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    places = np.arange(len(table))
    axes.barh(places, table["value"], height=0.7, color=style.BLUE, alpha=0.8, linewidth=0)
    axes.hlines(places, table["low"], table["high"], color=style.BLACK, linewidth=0.7)
    axes.axvline(CHANCE, color=style.GREY, linewidth=0.7, linestyle="--")
    axes.set_yticks(places, [name.replace("_", " ") for name in names], fontsize=6.5)
    axes.set(ylim=(len(table) - 0.4, -0.6), xlim=(0, max(0.6, float(np.nanmax(table["high"].fillna(0))) + 0.02)))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("EER on eval (%); dashed: chance")
    style.percent_axis(axes, "x")
