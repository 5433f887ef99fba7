"""Receiver operating characteristic, with a close-up of the corner where good systems live."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.figures import style
from voxdag.figures.curves import POINTS, equal_point, probit, thin

CLOSE_UP_BELOW = 0.1  # equal error rate (fraction) under which the full frame shows too little


def table(false_alarm: ArrayLike, hit: ArrayLike, points: int = POINTS) -> pd.DataFrame:
    """Tabulate a ROC, thinned evenly in normal deviates: columns false_alarm, hit (fractions), at_eer (1 or 0)."""
    curve = pd.DataFrame({"false_alarm": false_alarm, "hit": hit})
    equal = int(np.argmin(np.abs(1 - curve["hit"] - curve["false_alarm"])))
    curve["at_eer"] = (np.arange(len(curve)) == equal).astype(int)
    chosen = thin(probit(curve["false_alarm"], len(curve)), probit(curve["hit"], len(curve)), equal, points)
    return curve.iloc[chosen].reset_index(drop=True)


@style.paper()
def figure(curve: pd.DataFrame, auc: float) -> Figure:
    """Draw a ROC `table`; `auc` is the area under the whole curve (fraction)."""
    canvas = style.new_figure(height=3.2)
    axes = canvas.subplots()
    _draw(axes, curve, f"AUC {100 * auc:.2f} %", clip=False)
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.5, label="chance")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="False alarm rate (%)", ylabel="Hit rate (%)")
    axes.legend(loc="lower right")
    equal = equal_point(curve)
    rate = (1 - equal["hit"] + equal["false_alarm"]) / 2
    if rate < CLOSE_UP_BELOW:
        _close_up(axes, curve, max(4 * rate, 0.01))
    return canvas


def _draw(axes: Axes, curve: pd.DataFrame, label: str, clip: bool) -> None:
    equal = equal_point(curve)
    axes.plot(curve["false_alarm"], curve["hit"], color=style.BLUE, label=label, clip_on=clip)
    axes.plot(equal["false_alarm"], equal["hit"], "o", color=style.BLUE, markersize=3.5, clip_on=False)
    style.percent_axis(axes, "x")
    style.percent_axis(axes, "y")


def _close_up(axes: Axes, curve: pd.DataFrame, span: float) -> None:
    inset = axes.inset_axes((0.38, 0.3, 0.52, 0.52))
    _draw(inset, curve, "", clip=True)
    inset.set(xlim=(0, span), ylim=(1 - span, 1))
    inset.locator_params(nbins=4)
    inset.tick_params(labelsize=6)
    inset.set_title("close-up", fontsize=6, pad=2)
