"""Precision, recall and F1 of each class, side by side."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import require, style

LOOKS = {"precision": style.SKY, "recall": style.BLUE, "F1": style.ORANGE}  # top to bottom within a class
BAR = 0.26  # of the height of a class
MARGIN, CLASS_HEIGHT = 0.75, 0.36  # inches


def table(classes: pd.DataFrame) -> pd.DataFrame:
    """Turn one row per class into one per class and measure: columns class, support, measure, value, low, high.

    classes: class, support, and each of precision, recall, f1 with its _low and _high (fractions; missing where
    undefined).

    Raises Refused if a column is missing.
    """
    sources = {measure: measure.lower() for measure in LOOKS}
    needed = ["class", "support", *(name for source in sources.values() for name in _columns(source))]
    require.columns("classes", classes, needed)
    rows = [
        (row["class"], int(row["support"]), measure, *(row[name] for name in _columns(source)))
        for _, row in classes.iterrows()
        for measure, source in sources.items()
    ]
    long = pd.DataFrame(rows, columns=["class", "support", "measure", "value", "low", "high"])
    return long.astype(dict.fromkeys(["value", "low", "high"], float))


def _columns(source: str) -> tuple[str, str, str]:
    return source, f"{source}_low", f"{source}_high"


@style.paper()
def figure(values: pd.DataFrame, title: str = "") -> Figure:
    """Draw a `table`, a class below the other, each with its support, each bar with its interval.

    An undefined value is written "undefined" instead of drawn as zero.
    """
    names = list(dict.fromkeys(values["class"]))
    support = values.groupby("class")["support"].first()
    canvas = style.new_figure(height=MARGIN + CLASS_HEIGHT * max(len(names), 3))
    axes = canvas.subplots()
    for place, (measure, colour) in enumerate(LOOKS.items()):
        bars = values[values["measure"] == measure]
        rows = np.arange(len(names)) + BAR * (place - 1)
        axes.barh(rows, bars["value"].fillna(0), height=BAR, color=colour, label=measure)
        for row in rows[bars["value"].isna()]:
            axes.text(0.01, row, "undefined", va="center", fontsize=5)
        axes.hlines(rows, bars["low"], bars["high"], color=style.BLACK, linewidth=0.6)
    axes.set_yticks(range(len(names)), [f"{style.wrapped(name)}\n(n = {support[name]:,})" for name in names])
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    axes.set_xlabel("Precision, recall and F1 (%)")
    axes.set_title(title, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    style.percent_axis(axes, "x")
    canvas.legend(loc="outside upper right", ncols=len(LOOKS), frameon=False)
    return canvas
