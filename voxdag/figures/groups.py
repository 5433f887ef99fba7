"""Groups side by side: a metric with its interval, and the spread of scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.figures import require, style
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot

MOST_GROUPS = 30  # bars of one figure
ROOM = 0.18  # for the numbers beside the bars, of the axis
QUANTILES = {"low": 0.01, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.99}


@dataclass(frozen=True)
class Overall:
    """The metric of all groups together, and what it is: "all", or a mean over members."""

    value: float
    name: str


def draw_groups(breakdown: pd.DataFrame, by: str, metric: Metric, overall: Overall) -> Plot:
    """Draw a metric of each group that the breakdown has of the column `by`, the worst first and undefined ones last.

    breakdown: one group a row: column, value, and the metric with its _low and _high. The table has columns group, rate
    (the metric), low, high, overall. Of more than `MOST_GROUPS` groups those with the worst and the best values are
    drawn.

    Raises Refused if a column is missing or there is no group.
    """
    names = {"value": "group", metric.column: "rate", f"{metric.column}_low": "low", f"{metric.column}_high": "high"}
    require.columns("breakdown", breakdown, ["column", *names])
    ascending = [metric.worst == "lowest", True]
    rows = breakdown[breakdown["column"] == by].sort_values([metric.column, "value"], ascending=ascending)
    require.rows(f"breakdown of column '{by}'", rows, names)
    shown, which = _most(rows, metric)
    remark = f"{which} of {len(rows)} {by}s" if which else ""
    table = shown[list(names)].rename(columns=names).reset_index(drop=True).assign(overall=overall.value)
    table["group"] = table["group"].astype(str)
    return Plot(table, bars(table, metric, overall, ylabel=by.capitalize(), remark=remark), intervals=True)


def _most(rows: pd.DataFrame, metric: Metric) -> tuple[pd.DataFrame, str]:
    """At most `MOST_GROUPS` of the sorted rows, and which they are, where some are left out."""
    if len(rows) <= MOST_GROUPS:
        return rows, ""
    defined, half = rows.dropna(subset=metric.column), MOST_GROUPS // 2
    if not len(defined):
        return rows.head(MOST_GROUPS), f"{MOST_GROUPS}"
    if len(defined) <= MOST_GROUPS:
        return defined, f"the {len(defined)} defined"
    best = {"lowest": "highest", "highest": "lowest"}[metric.worst]
    return pd.concat([defined.head(half), defined.tail(half)]), f"{half} {metric.worst} and {half} {best}"


@style.paper()
def bars(
    groups: pd.DataFrame, metric: Metric, overall: Overall | None = None, ylabel: str = "", remark: str = ""
) -> Figure:
    """Draw one bar per row of `groups`, top to bottom: columns group, rate (the metric), low, high.

    A missing value is written "undefined" instead of drawn as zero; a missing low or high draws no interval. The dashed
    line is the `overall` value. The `remark` stands below the axis.
    """
    canvas, axes = _rows(groups["group"])
    rows = np.arange(len(groups))
    axes.barh(rows, groups["rate"].fillna(0), height=0.68, color=style.SKY)
    axes.hlines(rows, groups["low"], groups["high"], color=style.BLACK, linewidth=0.9)
    lefts, rights = groups[["rate", "low"]].min(axis=1).fillna(0), groups[["rate", "high"]].max(axis=1).fillna(0)
    columns = groups["rate"], groups["high"] - groups["low"], rights.clip(lower=0)
    for row, (value, width, end) in enumerate(zip(*columns, strict=True)):
        text = "undefined" if np.isnan(value) else metric.number(value, width)
        paint = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.annotate(text, (end, row), (3, 0), textcoords="offset points", va="center", fontsize=6, bbox=paint)
    whole = overall.value if overall else 0
    left, right = min(lefts.min(), whole, 0), max(rights.max(), whole, 1e-4)
    axes.set_xlim((1 + ROOM) * left, (1 + ROOM) * right - ROOM * left)
    metric.scale(axes)
    axes.set(xlabel="\n".join(filter(None, [metric.label, remark])), ylabel=ylabel)
    if overall:
        line: dict[str, Any] = {"color": style.VERMILLION, "linestyle": "--", "linewidth": 0.9}
        axes.axvline(whole, label=f"{overall.name} {metric.quantity(whole)}", **line)
        canvas.legend(loc="outside upper right", frameon=False)
    return canvas


def spread(scores: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Summarise the scores of each group: columns group, n, low (1st percentile), q1, median, q3, high (99th)."""
    rows = [
        {"group": group, "n": values.size, **{name: np.quantile(values, q) for name, q in QUANTILES.items()}}
        for group, values in ((group, np.asarray(given)) for group, given in scores.items())
    ]
    return pd.DataFrame(rows, columns=["group", "n", *QUANTILES])


@style.paper()
def boxes(
    groups: pd.DataFrame, colours: Mapping[str, str], threshold: float, threshold_name: str, xlabel: str = "Score"
) -> Figure:
    """Draw a `spread` table with a column label as boxes from top to bottom, whiskers at the 1st and 99th percentile.

    colours: of each label, in the order of the legend.
    """
    canvas, axes = _rows(groups["group"])
    rows = np.arange(len(groups))
    axes.hlines(rows, groups["low"], groups["high"], color=style.BLACK, linewidth=0.8)
    width = groups["q3"] - groups["q1"]
    for label, colour in colours.items():
        of_label = (groups["label"] == label).to_numpy()
        look: dict[str, Any] = {"height": 0.6, "color": (colour, 0.6), "edgecolor": style.BLACK, "label": label}
        axes.barh(rows[of_label], width[of_label], left=groups["q1"][of_label], **look)
    axes.vlines(groups["median"], rows - 0.3, rows + 0.3, color=style.BLACK, linewidth=1.2)
    axes.axvline(threshold, color=style.BLACK, linestyle="--", linewidth=0.9, label=threshold_name)
    axes.set_xlabel(f"{xlabel}\n(box: quartiles; whiskers: 1 and 99 %)")
    canvas.legend(loc="outside upper right", ncols=1 + len(colours), frameon=False, columnspacing=1.2)
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
