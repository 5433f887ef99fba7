"""Training history: one panel per quantity over a common axis of epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from voxdag.figures import members, require, style
from voxdag.figures.plot import Plot

PANEL_HEIGHT = 0.85  # inches


@dataclass(frozen=True)
class Quantity:
    """How a column of the history is shown: its name with unit, a factor, and which end is better, if any."""

    label: str
    scale: float = 1.0
    best: Literal["min", "max"] | None = None


LOSS = Quantity("Training loss")
LEARNING_RATE = Quantity("Learning rate (×10⁻⁴)", scale=1e4)


def draw_history(
    rows: pd.DataFrame, criteria: Mapping[str, Quantity], note: str = "", of: str = "train and dev"
) -> Plot:
    """Draw every training loss or accuracy, every dev criterion and the learning rate, of one member or the mean over
    members.

    rows: one epoch of one member a row: fold and seed (where there are several), epoch, lr, train_<name> of each loss,
    dev_<name> of each criterion. `criteria` are known by their columns; another is named by its own and has no best.
    The `note` follows the name of each criterion.

    Raises Refused as `table` does.
    """
    values = table(rows, _quantities(rows, criteria, note))
    return Plot(values, figure(values), of=of)


def _quantities(rows: pd.DataFrame, criteria: Mapping[str, Quantity], note: str) -> dict[str, Quantity]:
    losses = {name: _loss(name) for name in rows if name.startswith("train_")}
    known = {name: criteria.get(name, Quantity(_words(name))) for name in rows if name.startswith("dev_")}
    noted = {name: replace(quantity, label=style.noted(quantity.label, note)) for name, quantity in known.items()}
    return losses | noted | {"lr": LEARNING_RATE}


def _loss(column: str) -> Quantity:
    name = column.removeprefix("train_").replace("_", " ")
    if name.endswith("accuracy"):
        return Quantity(f"Training, {name}")
    return LOSS if name == "loss" else Quantity(f"{LOSS.label}, {name}")


def _words(column: str) -> str:
    return column.replace("_", " ").capitalize()


def table(rows: pd.DataFrame, quantities: Mapping[str, Quantity]) -> pd.DataFrame:
    """Turn the history into one row per quantity and epoch: columns epoch, quantity, value, low, high, members, best.

    value is the mean over the members that reached the epoch, low and high their range, members their number. best is 1
    at the first epoch with the best value of a single member, else 0: every member has its own best epoch, their mean
    has none. Epochs without a value have no row.

    Raises Refused if the history is empty or lacks a column, or as `members.split` does.
    """
    require.rows("history", rows, ["epoch", *quantities])
    single = len(members.split(rows)) == 1
    parts = [_over_members(rows, name, quantity, single) for name, quantity in quantities.items()]
    return pd.concat(parts, ignore_index=True)


def _over_members(rows: pd.DataFrame, name: str, quantity: Quantity, single: bool) -> pd.DataFrame:
    values = (rows[name].astype(float) * quantity.scale).dropna()
    spread = values.groupby(rows["epoch"]).agg(value="mean", low="min", high="max", members="count").reset_index()
    best = np.zeros(len(spread), dtype=int)
    if single and quantity.best and len(spread):
        best[spread["value"].argmin() if quantity.best == "min" else spread["value"].argmax()] = 1
    spread.insert(1, "quantity", quantity.label)
    return spread.assign(best=best)


@style.paper()
def figure(values: pd.DataFrame) -> Figure:
    """Draw a history `table`: of one member the best epoch of each quantity is marked and written at its panel's head,
    of several the range is shaded and their number is written."""
    names = list(dict.fromkeys(values["quantity"]))
    canvas = style.new_figure(height=0.35 + PANEL_HEIGHT * len(names))
    panels = canvas.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for panel, name, colour in zip(panels, names, [style.BLACK, *style.PALETTE * len(names)], strict=False):
        _draw(panel, values[values["quantity"] == name], name, colour)
    count = values["members"].max()
    if count > 1:
        panels[0].set_title(f"mean and range of {count} members", loc="right", pad=3)
    panels[-1].set_xlabel("Epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    first, last = values["epoch"].min(), values["epoch"].max()
    panels[-1].set_xlim(first, max(last, first + 1))  # no epoch before the first
    return canvas


def _draw(panel: Axes, values: pd.DataFrame, name: str, colour: str) -> None:
    marker = "." if len(values) < 2 else None
    panel.fill_between(values["epoch"], values["low"], values["high"], color=style.GREY, alpha=0.3, linewidth=0)
    panel.plot(values["epoch"], values["value"], color=colour, marker=marker)
    panel.set_title(name, loc="left", pad=3)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
    panel.ticklabel_format(axis="y", scilimits=(-2, 4), useMathText=True)
    for row in values[values["best"] == 1].itertuples():
        panel.plot(row.epoch, row.value, "o", color=style.VERMILLION, markersize=3.5, clip_on=False, zorder=3)
        panel.set_title(
            f"best {style.digits(row.value, 3)} at epoch {row.epoch}", loc="right", pad=3, color=style.VERMILLION
        )
