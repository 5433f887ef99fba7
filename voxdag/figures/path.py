"""A way through the plane of two dimensions, coloured by time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.figures import style

LIMIT = 1.0  # of both dimensions, on either side of 0
BEYOND = 1.05  # times the farthest point, where one lies beyond
SIDE = 2.9  # inches


@style.paper()
def figure(x: ArrayLike, y: ArrayLike, times: ArrayLike, whole: tuple[float, float], names: tuple[str, str]) -> Figure:
    """Draw points (K,) in the order of their times (seconds), joined, and the point of the whole recording as a cross.

    names: of the axes. The axes go from -1 to 1, or as far as the points do.

    Raises Refused for points and times of different numbers, or none.
    """
    x, y, times = (np.asarray(values, float) for values in (x, y, times))
    if not 0 < x.size == y.size == times.size:
        raise Refused(f"{x.size} x, {y.size} y and {times.size} times: expected one or more of each, as many of all")
    canvas = style.new_figure(height=SIDE)
    axes = canvas.subplots()
    _frame(axes, max(LIMIT, BEYOND * np.abs([*x, *y, *whole]).max()), names)
    axes.plot(x, y, color=style.GREY, linewidth=0.7, zorder=2)
    dots = axes.scatter(x, y, c=times, cmap="viridis", s=16, linewidth=0, zorder=3)
    axes.plot(*whole, marker="P", markersize=8, color=style.VERMILLION, markeredgecolor="white", linestyle="none",
              label="whole recording", zorder=4)  # fmt: skip
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, borderaxespad=0.2)
    bar = canvas.colorbar(dots, cax=axes.inset_axes((1.04, 0, 0.04, 1)), label="Time (s)")
    bar.outline.set_visible(False)
    return canvas


def _frame(axes: Axes, limit: float, names: tuple[str, str]) -> None:
    """Lines through 0 tell the quadrants apart."""
    for draw in (axes.axhline, axes.axvline):
        draw(0, color=style.GREY, linewidth=0.7, zorder=1)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel=names[0], ylabel=names[1])
    axes.locator_params(nbins=5)
