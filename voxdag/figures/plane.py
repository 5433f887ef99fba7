"""Errors over the plane of two dimensions: a cell for each range of the two, with how many utterances lie in it."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.figures import style

COLUMNS = ("x", "y", "n", "rmse")  # the middle of a cell, its utterances, their error
TITLE_CHARACTERS = 45  # in a line
DARK = 0.6  # of the highest error, above which a cell is too dark for black text


def table(x: ArrayLike, y: ArrayLike, squares: ArrayLike, edges: ArrayLike, seeds: int = 1) -> pd.DataFrame:
    """One row for each cell in which there is an utterance: COLUMNS.

    x, y     (N,) where the utterances lie
    squares  (N,) their mean square errors
    edges    (K + 1,) of the cells, in both dimensions; the last cell has both of its edges

    Where every utterance stands there once for each of several `seeds`, n is divided by their number.

    Raises Refused where an utterance lies outside.
    """
    edges = np.asarray(edges, float)
    places = [_cells(np.asarray(values, float), edges) for values in (x, y)]
    cells = pd.DataFrame({"i": places[0], "j": places[1], "square": np.asarray(squares, float)})
    found = cells.groupby(["j", "i"])["square"].agg(["size", "mean"]).reset_index()
    middles = (edges[1:] + edges[:-1]) / 2
    values = (middles[found["i"]], middles[found["j"]], found["size"] / seeds, np.sqrt(found["mean"]))
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def _cells(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    outside = (values < edges[0]) | (values > edges[-1]) | np.isnan(values)
    if outside.any():
        raise Refused(f"{outside.sum()} of {values.size} values lie outside {edges[0]:g} to {edges[-1]:g}")
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)


@style.paper()
def figure(cells: pd.DataFrame, edges: ArrayLike, names: tuple[str, str], label: str, title: str = "") -> Figure:
    """Draw a `table`: cells shaded by their error, with their number of utterances; `names` of the axes, `label` of the
    error. A cell without an utterance stays white."""
    edges = np.asarray(edges, float)
    size = edges.size - 1
    values = np.full((size, size), np.nan)
    values[_cells(cells["y"].to_numpy(), edges), _cells(cells["x"].to_numpy(), edges)] = cells["rmse"]
    canvas = style.new_figure(height=2.9)
    axes = canvas.subplots()
    highest = max(float(cells["rmse"].max()), 1e-9)
    image = axes.pcolormesh(edges, edges, values, cmap="Blues", vmin=0, vmax=highest)
    for row in cells.itertuples():
        shade = "white" if row.rmse > DARK * highest else style.BLACK
        axes.text(row.x, row.y, f"{row.n:,.1f}".removesuffix(".0"), ha="center", va="center", fontsize=5.5, color=shade)
    _frame(axes, edges, names)
    axes.set_title(textwrap.fill(title, TITLE_CHARACTERS), loc="left")
    bar = canvas.colorbar(image, cax=axes.inset_axes((1.04, 0, 0.04, 1)), label=label)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6)
    return canvas


def _frame(axes: Axes, edges: np.ndarray, names: tuple[str, str]) -> None:
    """Lines through the middle tell the quadrants apart."""
    middle = (edges[0] + edges[-1]) / 2
    for draw in (axes.axhline, axes.axvline):
        draw(middle, color=style.GREY, linewidth=0.7)
    axes.set(xlim=edges[[0, -1]], ylim=edges[[0, -1]], aspect="equal", xlabel=names[0], ylabel=names[1])
    axes.locator_params(nbins=5)
    axes.grid(visible=False)
