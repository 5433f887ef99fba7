"""Confusion between actual and predicted classes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.figures import style


def table(actual: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> pd.DataFrame:
    """Count every pair of classes: columns actual, predicted, count, share (fraction of the actual class).

    The share of a class that never occurs is missing.

    Raises ValueError if a label is not one of `classes`.
    """
    unknown = sorted({*np.asarray(actual).tolist(), *np.asarray(predicted).tolist()} - set(classes))
    if unknown:
        raise ValueError(f"unknown classes {unknown}: expected {list(classes)}")
    pairs = pd.MultiIndex.from_product([classes, classes], names=["actual", "predicted"])
    seen = pd.DataFrame({"actual": np.asarray(actual), "predicted": np.asarray(predicted)}).value_counts()
    counts = seen.reindex(pairs, fill_value=0).rename("count").reset_index()
    counts["share"] = counts["count"] / counts.groupby("actual")["count"].transform("sum")
    return counts


@style.paper()
def figure(counts: pd.DataFrame) -> Figure:
    """Draw a confusion `table`: rows are actual classes, each shaded by and adding up to 100 % of its class."""
    classes = list(dict.fromkeys(counts["actual"]))
    shares = counts["share"].to_numpy().reshape(len(classes), len(classes))
    canvas = style.new_figure(height=min(3.4, 1.2 + 0.55 * len(classes)))
    axes = canvas.subplots()
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for cell, row in enumerate(counts.itertuples()):
        text = f"{row.count:,}" if np.isnan(row.share) else f"{row.count:,}\n{style.percent(row.share)}"
        shade = "white" if row.share > 0.55 else style.BLACK
        axes.text(cell % len(classes), cell // len(classes), text, ha="center", va="center", color=shade)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes, rotation=90, va="center")
    axes.set(xlabel="Predicted", ylabel="Actual")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return canvas
