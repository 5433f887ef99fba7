"""One look for every figure: sizes, fonts and colours for a single column of a two-column paper."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from voxdag.scoring import intervals

WIDTH = 3.4  # inches, one column of an IEEE or ISCA page
HEIGHT = 2.6  # inches
DPI = 200
CONFIDENCE = 0.95  # of intervals that are made for a figure alone
STRIP = 0.13  # inches, of the words below a figure

# Okabe and Ito, "Color Universal Design" (2008): told apart under the common colour-vision deficiencies.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#7F7F7F"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", ":", "-.")

PAPER = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 7,
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": 7,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "legend.edgecolor": "#CCCCCC",
    "legend.fancybox": False,
    "legend.fontsize": 6.5,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.2,
    "patch.linewidth": 0.6,
    "pdf.fonttype": 42,  # TrueType, searchable; publishers refuse Type 3
    "savefig.dpi": DPI,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}


@contextmanager
def paper() -> Iterator[None]:
    """Draw in the paper style, whatever the user's matplotlibrc says; usable as a decorator."""
    with matplotlib.style.context(["default", PAPER]):
        yield


def new_figure(height: float = HEIGHT, width: float = WIDTH) -> Figure:
    """Return an empty figure (inches) that arranges its own margins and belongs to no window."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


@paper()
def signed(figure: Figure, words: str) -> Figure:
    """Write what a figure shows (which system on which corpus) in a strip below it; all else keeps place and size."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    figure.set_figheight(height + STRIP)
    strip = STRIP / (height + STRIP)
    for axes in figure.axes:
        place = axes.get_position(original=True)
        lifted = Bbox.from_bounds(place.x0, strip + (1 - strip) * place.y0, place.width, (1 - strip) * place.height)
        axes.set_position(lifted)
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, strip, 1, 1 - strip), figure.transFigure)
    for text in figure.texts:
        text.set_y(strip + (1 - strip) * text.get_position()[1])
    figure.text(0.99, 0.25 * strip, words, fontsize=5.5, color=GREY, ha="right", va="bottom")
    return figure


def line_looks(n: int) -> list[dict[str, Any]]:
    """Return n colour and dash pairs, all different up to 28 lines."""
    pairs = [{"color": colour, "linestyle": dash} for dash in DASHES for colour in PALETTE]
    return [pairs[i % len(pairs)] for i in range(n)]


def member_looks(members: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the looks of a curve and of the dot on it (points): of the only member, or thinner ones of several."""
    if members == 1:
        return {"linewidth": 1.2}, {"markersize": 3.5}
    return {"linewidth": 0.6}, {"markersize": 2.0}


def digits(value: float, count: int) -> str:
    """A number of `count` digits, zeros at its end among them, so that numbers below one another are equally exact; of
    `count` + 1 decimals where it is nearer to zero than a hundredth."""
    if abs(value) < 0.01:
        return f"{value:.{count + 1}f}"
    return f"{value:#.{count}g}".rstrip(".")


def percent(rate: float) -> str:
    """Write a rate (fraction) as a percentage with three significant digits, two decimals at most."""
    value = 100 * rate
    return f"{value:.1f} %" if value >= 10 else f"{value:.2f} %"


def error_percent(rates: ArrayLike, trials: int, sd: bool = True) -> str:
    """Write the mean of an error rate as `mean_percent` does; without an error in `trials` also how high it may be."""
    if np.any(rates):
        return mean_percent(rates, sd)
    return f"0 % (to {percent(intervals.clopper_pearson(0, trials, CONFIDENCE).high)})"


def mean_percent(rates: ArrayLike, sd: bool = True) -> str:
    """Write the mean of a rate (fractions) over members as a percentage, with its `sd` where they are several."""
    return percent(float(np.mean(np.asarray(rates)))) + (sd_percent(rates) if sd else "")


def sd_percent(rates: ArrayLike) -> str:
    """Write the standard deviation over members (n - 1) of a rate, " (sd 0.41)" in per cent; nothing of one member."""
    return f" (sd {100 * np.std(np.asarray(rates), ddof=1):.2f})" if np.size(rates) > 1 else ""


def noted(words: str, note: str) -> str:
    """Put a note behind words, where there is one, or words before a note."""
    return ", ".join(filter(None, [words, note]))


def percent_axis(axes: Axes, axis: str) -> None:
    """Label the ticks of an axis of rates (fractions) in per cent; the axis title carries the unit."""
    target = {"x": axes.xaxis, "y": axes.yaxis}[axis]
    target.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:.4g}"))


def wrapped(name: str, width: int = 18) -> str:
    """Break a long group name over two lines at most, so that it leaves room for the data."""
    lines = textwrap.wrap(name.replace("_", "_ "), width, max_lines=2, placeholder="…")
    return "\n".join(lines).replace("_ ", "_") or name
