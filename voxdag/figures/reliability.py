"""Reliability diagrams: accuracy against confidence, and how often each confidence is given.

C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, figures 1 and 4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxdag.figures import style
from voxdag.scoring import calibration, intervals

FEWEST = 10  # utterances of a bin that is drawn: of fewer, accuracy is chance
COLOURS = (style.VERMILLION, style.BLUE, style.GREEN, style.PURPLE)


def table(curves: Mapping[str, pd.DataFrame], seeds: int = 1) -> pd.DataFrame:
    """Put `scoring.calibration.reliability` tables below one another: column curve (the name), theirs, share (fraction
    of all utterances), accuracy_low and accuracy_high (its exact interval, for utterances that are independent), and
    ece (the same in all rows of a curve).

    Where every utterance has a confidence of each of `seeds` members n is divided by their number.
    """
    parts = [_with_shares(name, curve, seeds) for name, curve in curves.items()]
    columns = ["curve", "low", "high", "n", "share", "confidence", "accuracy", "accuracy_low", "accuracy_high", "ece"]
    return pd.concat(parts, ignore_index=True)[columns]


def _with_shares(name: str, curve: pd.DataFrame, seeds: int) -> pd.DataFrame:
    n = curve["n"] / seeds
    low, high = intervals.clopper_pearson(n * curve["accuracy"], n, style.CONFIDENCE)
    given = {"accuracy_low": low, "accuracy_high": high}
    ends = {end: np.where(n > 0, values, np.nan) for end, values in given.items()}
    return curve.assign(curve=name, n=n, share=n / n.sum(), ece=calibration.error(curve), **ends)


@style.paper()
def figure(bins: pd.DataFrame, title: str = "") -> Figure:
    """Draw a `table`: above, accuracy against confidence of the bins that hold FEWEST utterances or more, with their
    intervals; below, the shares of all bins."""
    canvas = style.new_figure(height=3.7)
    upper, lower = canvas.subplots(2, sharex=True, height_ratios=(2.4, 1))
    upper.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.7, linestyle="--", label="calibrated")
    for (name, curve), colour in zip(bins.groupby("curve", sort=False), COLOURS, strict=False):
        _draw(upper, lower, curve, f"{name}: ECE {style.percent(curve['ece'].iloc[0])}", colour)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="Accuracy (%)")
    lower.set(xlabel=f"Confidence (%)\n(dots: bins of {FEWEST} utterances or more, 95 % intervals)")
    lower.set(ylabel="Share (%)")
    for axes in (upper, lower):
        style.percent_axis(axes, "y")
    style.percent_axis(lower, "x")
    canvas.align_ylabels([upper, lower])
    canvas.legend(loc="outside upper left", frameon=False, title=title, alignment="left")
    return canvas


def _draw(upper: Axes, lower: Axes, curve: pd.DataFrame, label: str, colour: str) -> None:
    held = curve[curve["n"] >= FEWEST]
    look: dict[str, Any] = {"marker": "o", "markersize": 3, "color": colour, "clip_on": False, "zorder": 3}
    upper.plot(held["confidence"], held["accuracy"], label=label, **look)
    upper.vlines(held["confidence"], held["accuracy_low"], held["accuracy_high"], color=colour, linewidth=0.6)
    edges = np.append(curve["low"], curve["high"].iloc[-1])
    lower.stairs(curve["share"], edges, fill=True, color=colour, alpha=0.25)
    lower.stairs(curve["share"], edges, color=colour, linewidth=0.9)
