"""Receiver operating characteristic, with a close-up of the corner where good systems live."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.curves import POINTS, equal_point, probit, thin
from voxdag.figures.members import over_members

CLOSE_UP_BELOW = 0.1  # equal error rate (fraction) under which the full frame shows too little


def table(false_alarm: ArrayLike, hit: ArrayLike, points: int = POINTS) -> pd.DataFrame:
    """Tabulate a ROC, thinned evenly in normal deviates: columns false_alarm, hit (fractions), at_eer (1 or 0)."""
    curve = pd.DataFrame({"false_alarm": false_alarm, "hit": hit})
    equal = int(np.argmin(np.abs(1 - curve["hit"] - curve["false_alarm"])))
    curve["at_eer"] = (np.arange(len(curve)) == equal).astype(int)
    chosen = thin(probit(curve["false_alarm"], len(curve)), probit(curve["hit"], len(curve)), equal, points)
    return curve.iloc[chosen].reset_index(drop=True)


@style.paper()
def figure(curves: Sequence[pd.DataFrame], aucs: Sequence[float]) -> Figure:
    """Draw a ROC `table` of each member, and write the mean of `aucs`, the areas under the whole curves (fractions).

    Raises Refused if there is no curve.
    """
    if not curves:
        raise Refused("no curve to draw: expected at least one table with columns false_alarm, hit")
    canvas = style.new_figure(height=3.2)
    axes = canvas.subplots()
    _draw(axes, curves, f"AUC {100 * np.mean(aucs):.2f} %{style.sd_percent(aucs)}", clip=False)
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.5, label="chance")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="False alarm rate (%)", ylabel="Hit rate (%)")
    axes.legend(loc="lower right", title=over_members(len(curves)))
    rate = float(np.mean([_equal_error_rate(curve) for curve in curves]))
    if rate < CLOSE_UP_BELOW:
        _close_up(axes, curves, max(4 * rate, 0.01))
    return canvas


def _equal_error_rate(curve: pd.DataFrame) -> float:
    equal = equal_point(curve)
    return (1 - equal["hit"] + equal["false_alarm"]) / 2


def _draw(axes: Axes, curves: Sequence[pd.DataFrame], label: str, clip: bool) -> None:
    line, dot = style.member_looks(len(curves))
    for curve, name in zip(curves, [label, *[None] * len(curves)], strict=False):
        equal = equal_point(curve)
        axes.plot(curve["false_alarm"], curve["hit"], color=style.BLUE, label=name, clip_on=clip, **line)
        axes.plot(equal["false_alarm"], equal["hit"], "o", color=style.BLUE, clip_on=clip, **dot)
    style.percent_axis(axes, "x")
    style.percent_axis(axes, "y")


def _close_up(axes: Axes, curves: Sequence[pd.DataFrame], span: float) -> None:
    inset = axes.inset_axes((0.38, 0.3, 0.52, 0.52))
    _draw(inset, curves, "", clip=True)
    inset.set(xlim=(0, span), ylim=(1 - span, 1))
    inset.locator_params(nbins=4)
    inset.tick_params(labelsize=6)
    inset.set_title("close-up", fontsize=6, pad=2)
