"""Groups side by side: an error rate with its interval, and the spread of scores."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.figures import style

QUANTILES = {"low": 0.01, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.99}


@style.paper()
def bars(groups: pd.DataFrame, xlabel: str, pooled: float) -> Figure:
    """Draw one bar per row of `groups`, top to bottom: columns group, rate, low, high (fractions).

    A missing rate is written "undefined" instead of drawn as zero; a missing low or high draws no interval. The
    dashed line is the rate of all groups pooled.
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
    axes.axvline(pooled, color=style.VERMILLION, linestyle="--", linewidth=0.9, label=f"pooled {style.percent(pooled)}")
    axes.set_xlim(0, 1.18 * max(ends.max(), pooled, 1e-4))
    axes.set_xlabel(xlabel)
    style.percent_axis(axes, "x")
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
def boxes(groups: pd.DataFrame, colours: Sequence[str], threshold: float, threshold_name: str) -> Figure:
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
    axes.set_xlabel("Score\n(box: quartiles; whiskers: 1 and 99 %)")
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
