"""The figures of an emotion recogniser: confusions, classes, calibration, folds, speakers and training.

Numbers that were not measured with speakers and their audio unseen say so in every figure: `NOTES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure
from scipy.special import softmax

from voxdag.core.errors import Refused
from voxdag.figures import class_bars, confusion, groups, history, reliability, style
from voxdag.figures.history import Quantity
from voxdag.scoring import calibration, classification
from voxdag.tasks.emotion import metrics
from voxdag.tasks.emotion.criteria import class_names, logits

NOTES = {
    "speaker_independent": "",
    "leaky": "leaky",
    "transductive": "transductive",
    "leaky_transductive": "leaky transductive",
}
MOST_GROUPS = 30  # bars of one figure; of more groups the lowest and the highest are drawn
BREAKDOWN_COLUMNS = ("column", "value", "n")

LEARNING_RATE = Quantity("Learning rate (×10⁻⁴)", scale=1e4)
KNOWN_QUANTITIES = {
    "train_loss": Quantity("Training loss"),
    "dev_uar": Quantity("Dev UAR (%)", scale=100, best="max"),
    "dev_loss": Quantity("Dev loss", best="min"),
}


@dataclass(frozen=True)
class Plot:
    """One figure and the table, of about 1,000 rows at most, from which DVC draws the same."""

    table: pd.DataFrame
    figure: Figure


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, rows: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: confusion, confusion_shares, reliability, where `breakdown` groups by
    class, fold or speaker class_bars, folds, speakers, and after training history.

    `predictions` (the eval split) is as `metrics` says, `breakdown` what `metrics.breakdown` gives, `rows` the history:
    one epoch of one fold a row: fold (if there are several), epoch, lr, train_loss and any dev_* criteria.

    Every table has a column protocol. Of `dev` nothing is drawn.

    Raises Refused if a table lacks a column or a label is none of the classes, and as `metrics.protocol` does.
    """
    missing = [name for name in BREAKDOWN_COLUMNS if name not in breakdown]
    if missing:
        raise Refused(f"breakdown lacks columns {missing}: expected {list(BREAKDOWN_COLUMNS)}")
    protocol = metrics.protocol(predictions)
    note = NOTES[protocol]
    pooled = metrics.Scorer(predictions).pooled()["uar"]
    plots = _confusions(predictions, note) | {"reliability": _reliability(predictions, note)}
    classes = breakdown[breakdown["column"] == "class"]
    if len(classes):
        plots["class_bars"] = _class_bars(classes, note)
    for column in ("fold", "speaker"):
        some = breakdown[breakdown["column"] == column]
        if len(some):
            plots[f"{column}s"] = _bars(some, pooled, column, note)
    if len(rows):  # weights that were taken as they are have none
        plots["history"] = _history(rows, note)
    return {name: Plot(plot.table.assign(protocol=protocol), plot.figure) for name, plot in plots.items()}


def _confusions(predictions: pd.DataFrame, note: str) -> dict[str, Plot]:
    table = confusion.table(predictions["label"], predictions["predicted"], class_names(predictions))
    counts = confusion.figure(table, "count", _noted("Utterances", note))
    shares = confusion.figure(table, "share", _noted("Share of the actual class (%)", note))
    return {"confusion": Plot(table, counts), "confusion_shares": Plot(table, shares)}


def _reliability(predictions: pd.DataFrame, note: str) -> Plot:
    """Draw the reliability of all folds together, before and after temperature scaling."""
    labels = classification.indices(predictions["label"], class_names(predictions))
    curves = {
        "uncalibrated": calibration.reliability(softmax(logits(predictions), axis=1), labels),
        "temperature-scaled": calibration.reliability(metrics.probabilities(predictions), labels),
    }
    table = reliability.table(curves)
    return Plot(table, reliability.figure(table, note))


def _class_bars(rows: pd.DataFrame, note: str) -> Plot:
    table = class_bars.table(rows.rename(columns={"value": "class", "n": "support"}))
    return Plot(table, class_bars.figure(table, note))


def _bars(rows: pd.DataFrame, pooled: float, column: str, note: str) -> Plot:
    """Draw the UAR of each group with its interval, the lowest first."""
    lowest_first = rows.sort_values(["uar", "value"])
    label = _noted("UAR (%)", note)
    if len(rows) > MOST_GROUPS:
        half = MOST_GROUPS // 2
        lowest_first = pd.concat([lowest_first.head(half), lowest_first.tail(half)])
        label += f"\n{half} lowest and {half} highest of {len(rows)} {column}s"
    names = {"value": "group", "uar": "rate", "uar_low": "low", "uar_high": "high"}
    table = lowest_first[list(names)].rename(columns=names).reset_index(drop=True).assign(pooled=pooled)
    table["group"] = table["group"].astype(str)
    canvas = groups.bars(table, label, pooled)
    canvas.axes[0].set_ylabel(column.capitalize())
    return Plot(table, canvas)


def _history(rows: pd.DataFrame, note: str) -> Plot:
    """Draw the training loss, every dev_* criterion and the learning rate: of one fold, or the mean over folds."""
    criteria = [name for name in rows.columns if name.startswith("dev_")]
    quantities = {name: KNOWN_QUANTITIES.get(name, Quantity(_words(name))) for name in ["train_loss", *criteria]}
    quantities = {
        name: replace(quantity, label=_noted(quantity.label, note)) if name in criteria else quantity
        for name, quantity in quantities.items()
    } | {"lr": LEARNING_RATE}
    if "fold" not in rows or rows["fold"].nunique() < 2:
        table = history.table(rows, quantities)
        return Plot(table, history.figure(table))
    return _history_of_folds(rows, quantities)


def _history_of_folds(rows: pd.DataFrame, quantities: Mapping[str, Quantity]) -> Plot:
    """Draw mean and range over the folds that reached an epoch. Each fold has its own best epoch, the mean has none."""
    plain = {name: replace(quantity, best=None) for name, quantity in quantities.items()}
    by_fold = pd.concat([history.table(fold, plain) for _, fold in rows.groupby("fold")])
    over_folds = by_fold.groupby(["quantity", "epoch"], sort=False)["value"]
    spread = over_folds.agg(value="mean", low="min", high="max", folds="count").reset_index().sort_values("epoch")
    order = {quantity.label: place for place, quantity in enumerate(plain.values())}
    table = spread.sort_values("quantity", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    table = table.assign(best=0)
    canvas = history.figure(table)
    with style.paper():
        for panel, (_, values) in zip(canvas.axes, table.groupby("quantity", sort=False), strict=True):
            panel.fill_between(values["epoch"], values["low"], values["high"], color=style.GREY, alpha=0.3, linewidth=0)
        count = rows["fold"].nunique()
        canvas.axes[0].set_title(f"mean and range of {count} folds", loc="right", pad=3)
    return Plot(table, canvas)


def _words(column: str) -> str:
    return column.replace("_", " ").capitalize()


def _noted(words: str, note: str) -> str:
    return f"{words}, {note}" if note else words
