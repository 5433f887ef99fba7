"""Detection error trade-off on normal-deviate axes.

A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997: two Gaussians of
equal variance give a straight line.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.curves import equal_error_rates, equal_point
from voxdag.figures.members import over_members

TICKS = (1e-5, 1e-4, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
LOWEST, HIGHEST = 0.0005, 0.5  # the frame, as rates, unless an equal error rate lies near or outside it
ABOVE = 1.0  # normal deviates from the highest equal error rate to the frame, at least
LEGEND_CHARACTERS = 60  # what fits across one column at legend size


@style.paper()
def figure(curves: Mapping[str, Sequence[pd.DataFrame]], sd: bool = True) -> Figure:
    """Draw `error_curve` tables by name, one for each member, with their equal error rates marked and the mean of those
    written in the legend, with `sd` over members.

    The curves of one name share a colour. One name has its legend inside the frame; several share one below it, in the
    order given.

    Raises Refused if there is no curve.
    """
    drawn = [curve for members in curves.values() for curve in members]
    if not drawn:
        raise Refused("no curve to draw: expected at least one table with columns false_alarm_probit, miss_probit")
    most = max(map(len, curves.values()))
    labels = [f"{name} {style.mean_percent(equal_error_rates(members), sd)}" for name, members in curves.items()]
    columns = max(1, min(len(labels), 4, LEGEND_CHARACTERS // (max(map(len, labels)) + 6)))
    below = -(-len(labels) // columns) if len(labels) > 1 else 0
    canvas = style.new_figure(height=3.2 + 0.14 * below)
    axes = canvas.subplots()
    for members, label, look in zip(curves.values(), labels, style.line_looks(len(labels)), strict=True):
        _draw(axes, members, label, look)
    _frame(axes, drawn)
    if below:
        title = "Equal error rate" if most == 1 else "Equal error rate, mean over members"
        canvas.legend(loc="outside lower center", ncols=columns, frameon=False, columnspacing=1.2, title=title)
    else:
        axes.legend(loc="upper right", title=over_members(most))
    return canvas


def _draw(axes: Axes, members: Sequence[pd.DataFrame], label: str, look: Mapping[str, str]) -> None:
    line, dot = style.member_looks(len(members))
    for curve, name in zip(members, [label, *[None] * len(members)], strict=False):
        equal = equal_point(curve)
        axes.plot(curve["false_alarm_probit"], curve["miss_probit"], label=name, **look, **line)
        place = equal["false_alarm_probit"], equal["miss_probit"]
        axes.plot(*place, "o", color=look["color"], zorder=3, **dot)


def _frame(axes: Axes, curves: Sequence[pd.DataFrame]) -> None:
    """Set square probit axes that hold every equal-error point, ticks in per cent and the diagonal.

    Above the highest of these points there is room for its curve; below the lowest as much and no more, unless the
    frame is that of good systems.
    """
    deviates = ["false_alarm_probit", "miss_probit"]
    corners = np.array([equal_point(curve)[deviates] for curve in curves], dtype=float)
    ends = np.array([curve[deviates].min() for curve in curves])
    high = max(ndtri(HIGHEST), corners.max() + ABOVE)
    low = min(max(ndtri(LOWEST), ends.min() - 0.2, 2 * corners.min() - high), corners.min() - 0.2)
    ticks = [rate for rate in TICKS if low <= ndtri(rate) <= high]
    names = [f"{100 * rate:g}" for rate in ticks]
    axes.set_xticks(ndtri(ticks), names)
    axes.set_yticks(ndtri(ticks), names)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set(xlabel="False alarm rate (%)", ylabel="Miss rate (%)")
    axes.plot([low, high], [low, high], color=style.GREY, linewidth=0.5, zorder=1)
