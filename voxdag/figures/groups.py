"""Groups side by side: an error rate with its interval, and the spread of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

MOST_GROUPS = 30  # bars of one figure
QUANTILES = {"low": 0.01, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.99}


@dataclass(frozen=True)
class Rate:
    """A metric of a breakdown as it is drawn: its column, its name with unit, and which end of it is the worse."""

    column: str
    label: str
    worst: Literal["lowest", "highest"]


@dataclass(frozen=True)
class Overall:
    """The rate of all groups together (fraction), and what it is: "all", or a mean over members."""

    rate: float
    name: str


def draw_rates(breakdown: pd.DataFrame, by: str, rate: Rate, overall: Overall) -> Plot:
    """Draw `rate` of each group that the breakdown has of the column `by`, the worst first and undefined ones last.

    breakdown: one group a row: column, value, and the rate with its _low and _high (fractions). The table has columns
    group, rate, low, high, overall. Of more than `MOST_GROUPS` groups the worst and the best defined ones are drawn.

    Raises Refused if a column is missing or there is no group.
    """
    names = {"value": "group", rate.column: "rate", f"{rate.column}_low": "low", f"{rate.column}_high": "high"}
    require.columns("breakdown", breakdown, ["column", *names])
    ascending = [rate.worst == "lowest", True]
    rows = breakdown[breakdown["column"] == by].sort_values([rate.column, "value"], ascending=ascending)
    require.rows(f"breakdown of column '{by}'", rows, names)
    label = rate.label
    if len(rows) > MOST_GROUPS:
        label += f"\n{_ends(rate)} of {len(rows)} {by}s"
        defined = rows.dropna(subset=rate.column)
        rows = pd.concat([defined.head(MOST_GROUPS // 2), defined.tail(MOST_GROUPS // 2)]).drop_duplicates()
    table = rows[list(names)].rename(columns=names).reset_index(drop=True).assign(overall=overall.rate)
    table["group"] = table["group"].astype(str)
    return Plot(table, bars(table, label, overall, ylabel=by.capitalize()))


def _ends(rate: Rate) -> str:
    best = {"lowest": "highest", "highest": "lowest"}[rate.worst]
    return f"{MOST_GROUPS // 2} {rate.worst} and {MOST_GROUPS // 2} {best}"


@style.paper()
def bars(groups: pd.DataFrame, xlabel: str, overall: Overall | None = None, ylabel: str = "") -> Figure:
    """Draw one bar per row of `groups`, top to bottom: columns group, rate, low, high (fractions).

    A missing rate is written "undefined" instead of drawn as zero; a missing low or high draws no interval. The
    dashed line is the `overall` rate.
    """
    canvas, axes = _rows(groups["group"])
    rows = np.arange(len(groups))
    axes.barh(rows, groups["rate"].fillna(0), height=0.68, color=style.SKY)
    axes.hlines(rows, groups["low"], groups["high"], color=style.BLACK, linewidth=0.9)
    ends = groups[["rate", "high"]].max(axis=1).fillna(0)
    for row, (rate, end) in enumerate(zip(groups["rate"], ends, strict=True)):
        text = "undefined" if np.isnan(rate) else f"{100 * rate:.2f}"
        paint = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.annotate(text, (end, row), (3, 0), textcoords="offset points", va="center", fontsize=6, bbox=paint)
    axes.set_xlim(0, 1.18 * max(ends.max(), overall.rate if overall else 0, 1e-4))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    style.percent_axis(axes, "x")
    if overall:
        line = {"color": style.VERMILLION, "linestyle": "--", "linewidth": 0.9}
        axes.axvline(overall.rate, label=f"{overall.name} {style.percent(overall.rate)}", **line)
        canvas.legend(loc="outside upper right", frameon=False)
    return canvas


def spread(scores: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Summarise the scores of each group: columns group, n, low (1st percentile), q1, median, q3, high (99th)."""
    rows = [
        {"group": group, "n": np.size(values), **{name: np.quantile(values, q) for name, q in QUANTILES.items()}}
        for group, values in scores.items()
    ]
    return pd.DataFrame(rows, columns=["group", "n", *QUANTILES])


@style.paper()
def boxes(
    groups: pd.DataFrame, colours: Sequence[str], threshold: float, threshold_name: str, xlabel: str = "Score"
) -> Figure:
    """Draw a `spread` table as boxes from top to bottom, one colour each, whiskers at the 1st and 99th percentile."""
    canvas, axes = _rows(groups["group"])
    rows = np.arange(len(groups))
    axes.hlines(rows, groups["low"], groups["high"], color=style.BLACK, linewidth=0.8)
    width = groups["q3"] - groups["q1"]
    axes.barh(
        rows, width, left=groups["q1"], height=0.6, color=[(colour, 0.6) for colour in colours], edgecolor=style.BLACK
    )
    axes.vlines(groups["median"], rows - 0.3, rows + 0.3, color=style.BLACK, linewidth=1.2)
    axes.axvline(threshold, color=style.BLACK, linestyle="--", linewidth=0.9, label=threshold_name)
    axes.set_xlabel(f"{xlabel}\n(box: quartiles; whiskers: 1 and 99 %)")
    canvas.legend(loc="outside upper right", frameon=False)
    return canvas


def _rows(names: pd.Series) -> tuple[Figure, Axes]:
    labels = [style.wrapped(name) for name in names]
    lines = max(label.count("\n") + 1 for label in labels)
    canvas = style.new_figure(height=0.8 + (0.09 + 0.1 * lines) * max(len(labels), 3))
    axes = canvas.subplots()
    axes.set_yticks(range(len(labels)), labels, fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    return canvas, axes
