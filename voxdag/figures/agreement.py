"""Predicted numbers against annotated ones, a panel for each dimension, beside the line of identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxdag.figures import members, require, style

MOST_POINTS = 400  # of a panel: of more, that many evenly along the targets are drawn
COLUMNS = ("dimension", "id", "member", "target", "prediction")
HEIGHT = 2.2  # inches
MARGIN = 0.05  # beyond the outermost point, where it lies beyond the scale


def table(predictions: pd.DataFrame, dimensions: Mapping[str, str]) -> pd.DataFrame:
    """One row per utterance, member and dimension: COLUMNS, sorted by target; of many utterances MOST_POINTS.

    predictions: one row per utterance and member: id, and the columns of `dimensions` (target -> prediction).

    Raises Refused if a column is missing or there is no row.
    """
    require.rows("predictions", predictions, ["id", *dimensions, *dimensions.values()])
    rows = pd.concat([part.assign(member=name) for name, part in members.split(predictions).items()])
    parts = []
    for target, prediction in dimensions.items():
        named = rows.rename(columns={target: "target", prediction: "prediction"}).assign(dimension=target)
        ordered = named.sort_values(["target", "id", "member"], kind="stable")
        parts.append(ordered.iloc[np.unique(np.linspace(0, len(ordered) - 1, MOST_POINTS).round().astype(int))])
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


@style.paper()
def figure(points: pd.DataFrame, scale: tuple[float, float], written: Mapping[str, str], heading: str = "") -> Figure:
    """Draw a `table`, one panel a dimension.

    scale: of the numbers, and the ends of both axes unless a point lies beyond; written: what stands above the panel of
    a dimension; heading: above all of them.
    """
    names = list(dict.fromkeys(points["dimension"]))
    values = points[["target", "prediction"]].to_numpy(float)
    low, high = min(scale[0], values.min() - MARGIN), max(scale[1], values.max() + MARGIN)
    ends = f"{scale[0]:g} to {scale[1]:g}".replace("-", "−")
    canvas = style.new_figure(height=HEIGHT + 0.15 * bool(heading))
    panels = canvas.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
    for panel, name, colour in zip(panels, names, style.PALETTE, strict=False):
        _draw(panel, points[points["dimension"] == name], colour)
        panel.set_title(f"{name.capitalize()}: {written[name]}", loc="left", pad=3)
        panel.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel=f"Annotated ({ends})")
    panels[0].set_ylabel(f"Predicted ({ends})")
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    if heading:
        canvas.suptitle(heading, fontsize=7)
    return canvas


def _draw(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    panel.axline((0, 0), slope=1, color=style.BLACK, linewidth=0.7, linestyle="--", label="identity")
    look: dict[str, Any] = {"s": 5, "color": colour, "alpha": 0.5, "linewidths": 0, "zorder": 2}
    panel.scatter(rows["target"], rows["prediction"], **look)
