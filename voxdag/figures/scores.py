"""Score distributions of the classes, each on its own scale, with the decision threshold."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from voxdag.core.errors import Refused
from voxdag.figures import style

BINS, FEWEST_BINS = 60, 10


def table(scores: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Count the scores of each class in bins common to all classes, fewer when the smallest class is small.

    Columns: label, low, high (bin edges), score (bin centre), count, share (fraction of the class).

    Raises Refused if a class has no score or one that is not finite.
    """
    classes = {label: np.asarray(values, dtype=float) for label, values in scores.items()}
    for label, values in classes.items():
        if values.size == 0 or not np.isfinite(values).all():
            raise Refused(f"'{label}' has {np.isfinite(values).sum()} finite scores of {values.size}: expected all")
    smallest = min(values.size for values in classes.values())
    bins = int(np.clip(2 * np.sqrt(smallest), FEWEST_BINS, BINS))
    edges = np.histogram_bin_edges(np.concatenate(list(classes.values())), bins)
    return pd.concat([_counts(label, values, edges) for label, values in classes.items()], ignore_index=True)


def _counts(label: str, values: NDArray[np.float64], edges: NDArray[np.float64]) -> pd.DataFrame:
    low, high = edges[:-1], edges[1:]
    count = np.histogram(values, edges)[0]
    table = pd.DataFrame({"label": label, "low": low, "high": high, "score": (low + high) / 2, "count": count})
    return table.assign(share=count / values.size)


@style.paper()
def figure(histogram: pd.DataFrame, threshold: float, threshold_name: str, xlabel: str = "Score") -> Figure:
    """Draw the histograms of `table` and the threshold, named in the legend."""
    canvas = style.new_figure()
    axes = canvas.subplots()
    for (label, bars), colour in zip(histogram.groupby("label", sort=False), style.PALETTE, strict=False):
        edges = [*bars["low"], bars["high"].iloc[-1]]
        name = f"{label} (n = {bars['count'].sum():,})"
        axes.stairs(bars["share"], edges, fill=True, color=colour, alpha=0.35)
        axes.stairs(bars["share"], edges, color=colour, linewidth=0.9, label=name)
    axes.axvline(threshold, color=style.BLACK, linestyle="--", linewidth=0.9, label=threshold_name)
    axes.set(xlabel=xlabel, ylabel="Share of class (%)")
    style.percent_axis(axes, "y")
    canvas.legend(loc="outside upper center", ncols=2, frameon=False, columnspacing=1.2)
    return canvas
