"""Detection error trade-off on normal-deviate axes.

A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997: two Gaussians of
equal variance give a straight line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.curves import equal_error_rates, equal_point, trials
from voxdag.figures.members import over_members

TICKS = (1e-5, 1e-4, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
LOWEST, HIGHEST = 0.0005, 0.5  # the frame, as rates, unless an equal error rate lies near or outside it
ABOVE = 1.0  # normal deviates from the highest equal error rate to the frame, at least
COLUMNS, MOST_PANELS, PANEL_HEIGHT = 5, 20, 0.76  # of small multiples; inches of a row of COLUMNS
BEHIND = "#D5D5D5"
PANEL_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9)
LEGEND_CHARACTERS = 60  # what fits across one column at legend size


@style.paper()
def figure(
    curves: Mapping[str, Sequence[pd.DataFrame]], bands: Mapping[str, pd.DataFrame] | None = None, band_name: str = ""
) -> Figure:
    """Draw `error_curve` tables by name, one for each member, with their equal error rates marked and the mean of those
    written in the legend, with its standard deviation over members.

    The curves of one name share a colour. One name has its legend inside the frame; several share one below it, in the
    order given. The `bands` (columns false_alarm_probit, low_probit, high_probit) are shaded around the curves of their
    name; `band_name` is what one is called in the legend.

    Raises Refused if there is no curve.
    """
    drawn = [curve for members in curves.values() for curve in members]
    if not drawn:
        raise Refused("no curve to draw: expected at least one table with columns false_alarm_probit, miss_probit")
    most = max(map(len, curves.values()))
    labels = [f"{name} {_written(members)}" for name, members in curves.items()]
    columns = max(1, min(len(labels), 4, LEGEND_CHARACTERS // (max(map(len, labels)) + 6)))
    below = -(-len(labels) // columns) if len(labels) > 1 else 0
    canvas = style.new_figure(height=3.2 + 0.14 * below)
    axes = canvas.subplots()
    for (name, members), label, look in zip(curves.items(), labels, style.line_looks(len(labels)), strict=True):
        _draw(axes, members, label, look)
        if bands and name in bands:
            _shade(axes, bands[name], look["color"], band_name if len(labels) == 1 else "")
    _frame(axes, drawn)
    axes.axline((0, 0), slope=1, color=style.GREY, linewidth=0.5, zorder=1)  # equal error rates
    axes.set(aspect="equal", xlabel="False alarm rate (%)", ylabel="Miss rate (%)")
    if below:
        title = "Equal error rate" if most == 1 else "Equal error rate, mean over members"
        canvas.legend(loc="outside lower center", ncols=columns, frameon=False, columnspacing=1.2, title=title)
    else:
        axes.legend(loc="upper right", title=over_members(most))
    return canvas


@style.paper()
def multiples(curves: Mapping[str, Sequence[pd.DataFrame]], what: str) -> Figure:
    """Draw the curves of each name in a panel of its own, those of the others in grey behind them, in the order given;
    of more than MOST_PANELS the first. `what` the names are is written where some are left out.

    Raises Refused if there is no curve.
    """
    drawn = [curve for members in curves.values() for curve in members]
    if not drawn:
        raise Refused("no curve to draw: expected at least one table with columns false_alarm_probit, miss_probit")
    names = list(curves)[:MOST_PANELS]
    columns = min(len(names), COLUMNS)
    rows = -(-len(names) // columns)
    canvas = style.new_figure(height=0.4 + PANEL_HEIGHT * rows * COLUMNS / columns)
    panels = canvas.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(names) :]:
        panel.set_visible(False)
    for panel, name in zip(panels.flat, names, strict=False):
        for other in names:
            curve = curves[other][0]
            panel.plot(curve["false_alarm_probit"], curve["miss_probit"], color=BEHIND, linewidth=0.5, zorder=1)
        _draw(panel, curves[name], "", {"color": style.BLUE})
        panel.set_title(f"{style.wrapped(name)} {_written(curves[name], sd=False)}", fontsize=5, pad=2)
        panel.set_box_aspect(1)
        panel.tick_params(labelsize=5)
    for panel in panels.flat[max(0, len(names) - columns) : len(names)]:
        panel.tick_params(labelbottom=True)
    _frame(panels[0, 0], drawn, PANEL_TICKS)
    left_out = f" ({len(names)} hardest of {len(curves)} {what})" if len(curves) > len(names) else ""
    canvas.supxlabel(f"False alarm rate (%){left_out}", fontsize=7)
    canvas.supylabel("Miss rate (%)", fontsize=7)
    return canvas


def _written(members: Sequence[pd.DataFrame], sd: bool = True) -> str:
    return style.error_percent(equal_error_rates(members), min(min(trials(curve)) for curve in members), sd)


def _shade(axes: Axes, band: pd.DataFrame, colour: str, name: str) -> None:
    x, *ends = (band[column] for column in ("false_alarm_probit", "low_probit", "high_probit"))
    axes.fill_between(x, *ends, color=colour, alpha=0.18, linewidth=0, zorder=1, label=name or None)


def _draw(axes: Axes, members: Sequence[pd.DataFrame], label: str, look: Mapping[str, Any]) -> None:
    line, dot = style.member_looks(len(members))
    for curve, name in zip(members, [label, *[None] * len(members)], strict=False):
        equal = equal_point(curve)
        axes.plot(curve["false_alarm_probit"], curve["miss_probit"], label=name, **look, **line)
        if equal["miss"] + equal["false_alarm"] > 0:  # a rate of 0 has no place on these axes
            axes.plot(equal["false_alarm_probit"], equal["miss_probit"], "o", color=look["color"], zorder=3, **dot)


def _frame(axes: Axes, curves: Sequence[pd.DataFrame], rates: Sequence[float] = TICKS) -> None:
    """Set probit axes that hold every equal-error point, alike in both directions, with ticks in per cent.

    Above the highest of these points there is room for its curve; below the lowest as much and no more, unless the
    frame is that of good systems.
    """
    deviates = ["false_alarm_probit", "miss_probit"]
    corners = np.array([equal_point(curve)[deviates] for curve in curves], dtype=float)
    ends = np.array([curve[deviates].min() for curve in curves])
    high = max(ndtri(HIGHEST), corners.max() + ABOVE)
    low = min(max(ndtri(LOWEST), ends.min() - 0.2, 2 * corners.min() - high), corners.min() - 0.2)
    ticks = [rate for rate in rates if low <= ndtri(rate) <= high]
    names = [f"{100 * rate:g}" for rate in ticks]
    axes.set_xticks(ndtri(ticks), names)
    axes.set_yticks(ndtri(ticks), names)
    axes.set(xlim=(low, high), ylim=(low, high))
