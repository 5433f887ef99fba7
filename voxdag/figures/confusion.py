"""Confusion between actual and predicted classes."""

import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.figures import style

ROOMY = 4  # classes up to which a cell holds two lines and the names stand side by side
TITLE_CHARACTERS = 45  # in a line
DARK = 0.55  # share of a class above which its cell is too dark for black text


def table(actual: ArrayLike, predicted: ArrayLike, classes: Sequence[str], seeds: int = 1) -> pd.DataFrame:
    """Count every pair of classes: columns actual, predicted, count, share (fraction of the actual class).

    Where every utterance was classified by `seeds` members the counts are divided by their number, so that they add up
    to utterances. The share of a class that never occurs is missing.

    Raises Refused if a label is not one of `classes`.
    """
    unknown = sorted({*np.asarray(actual).tolist(), *np.asarray(predicted).tolist()} - set(classes))
    if unknown:
        raise Refused(f"unknown classes {unknown}: expected {list(classes)}")
    pairs = pd.MultiIndex.from_product([classes, classes], names=["actual", "predicted"])
    seen = pd.DataFrame({"actual": np.asarray(actual), "predicted": np.asarray(predicted)}).value_counts()
    counts = (seen.reindex(pairs, fill_value=0) / seeds).rename("count").reset_index()
    counts["share"] = counts["count"] / counts.groupby("actual")["count"].transform("sum")
    return counts


@style.paper()
def figure(
    counts: pd.DataFrame,
    written: Literal["both", "count", "share"] = "both",
    title: str = "",
    xlabel: str = "Predicted",
) -> Figure:
    """Draw a confusion `table`: rows are actual classes, each shaded by and adding up to 100 % of its class.

    Each cell has its count and share `written`, or one of the two, which leaves room for about ten classes. Beside the
    name of an actual class stands its number of utterances.
    """
    classes = list(dict.fromkeys(counts["actual"]))
    shares = counts["share"].to_numpy().reshape(len(classes), len(classes))
    canvas = style.new_figure(height=min(2.75, 1.1 + 0.6 * len(classes)))
    axes = canvas.subplots()
    image = axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1, aspect="equal")
    _colour_bar(canvas, axes, image)
    for cell, row in enumerate(counts.itertuples()):
        shade = "white" if row.share > DARK else style.BLACK
        place = cell % len(classes), cell // len(classes)
        axes.text(*place, WRITERS[written](row.count, row.share), ha="center", va="center", color=shade)
    _name_classes(axes, classes, counts.groupby("actual")["count"].sum())
    axes.set(xlabel=xlabel, ylabel="Actual")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title(textwrap.fill(title, TITLE_CHARACTERS), loc="left")
    return canvas


def _colour_bar(canvas: Figure, axes: Axes, image: AxesImage) -> None:
    bar = canvas.colorbar(image, cax=axes.inset_axes((1.04, 0.05, 0.035, 0.9)), label="Share of actual class (%)")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6)
    style.percent_axis(bar.ax, "y")


def _name_classes(axes: Axes, classes: Sequence[str], utterances: pd.Series) -> None:
    few = len(classes) <= ROOMY
    between = "\n" if few else " "
    axes.set_yticks(range(len(classes)), [f"{name}{between}({_count(utterances[name], 1)})" for name in classes])
    if few:
        axes.set_xticks(range(len(classes)), classes)
    else:
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")


def _both(count: float, share: float) -> str:
    written = _count(count, share)
    return written if np.isnan(share) else f"{written}\n{style.percent(share)}"


def _count(count: float, share: float) -> str:
    return f"{count:,.1f}".removesuffix(".0")


def _share(count: float, share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f}"


WRITERS = {"both": _both, "count": _count, "share": _share}
