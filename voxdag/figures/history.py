"""Training history: one panel per quantity over a common axis of epochs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from voxdag.core.errors import Refused
from voxdag.figures import style

PANEL_HEIGHT = 0.85  # inches


@dataclass(frozen=True)
class Quantity:
    """How a column of the history is shown: its name with unit, a factor, and which end is better, if any."""

    label: str
    scale: float = 1.0
    best: Literal["min", "max"] | None = None


def table(history: pd.DataFrame, quantities: Mapping[str, Quantity]) -> pd.DataFrame:
    """Turn the history into one row per quantity and epoch: columns epoch, quantity, value, best.

    best is 1 at the first epoch with the quantity's best value, else 0. Epochs without a value have no row.

    Raises Refused if the history is empty or lacks a column.
    """
    missing = sorted({"epoch", *quantities} - set(history.columns))
    if missing or history.empty:
        raise Refused(
            f"history has {len(history)} rows and lacks columns {missing}: "
            f"expected one row per epoch with {['epoch', *quantities]}"
        )
    return pd.concat([_column(history, name, quantity) for name, quantity in quantities.items()], ignore_index=True)


def _column(history: pd.DataFrame, name: str, quantity: Quantity) -> pd.DataFrame:
    known = history.dropna(subset=name)
    value = known[name].to_numpy(dtype=float) * quantity.scale
    best = np.zeros(len(known), dtype=int)
    if quantity.best and len(known):
        best[np.argmin(value) if quantity.best == "min" else np.argmax(value)] = 1
    return pd.DataFrame({"epoch": known["epoch"].to_numpy(), "quantity": quantity.label, "value": value, "best": best})


@style.paper()
def figure(values: pd.DataFrame) -> Figure:
    """Draw a history `table`, the best epoch of each quantity marked and written at its panel's head."""
    names = list(dict.fromkeys(values["quantity"]))
    canvas = style.new_figure(height=0.35 + PANEL_HEIGHT * len(names))
    panels = canvas.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for panel, name, colour in zip(panels, names, [style.BLACK, *style.PALETTE * len(names)], strict=False):
        _draw(panel, values[values["quantity"] == name], name, colour)
    panels[-1].set_xlabel("Epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return canvas


def _draw(panel: Axes, values: pd.DataFrame, name: str, colour: str) -> None:
    marker = "." if len(values) < 2 else None
    panel.plot(values["epoch"], values["value"], color=colour, marker=marker)
    panel.set_title(name, loc="left", pad=3)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
    panel.ticklabel_format(axis="y", scilimits=(-2, 4), useMathText=True)
    for row in values[values["best"] == 1].itertuples():
        panel.plot(row.epoch, row.value, "o", color=style.VERMILLION, markersize=3.5, clip_on=False, zorder=3)
        panel.set_title(f"best {row.value:.3g} at epoch {row.epoch}", loc="right", pad=3, color=style.VERMILLION)
