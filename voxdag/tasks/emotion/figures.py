"""The figures of an emotion recogniser: confusions, classes, calibration, folds, speakers and training.

Numbers that were not measured with speakers and their audio unseen say so in every figure. Decisions and calibrated
probabilities of all members are comparable: they are counted together, each utterance once.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import softmax

from voxdag.figures import class_bars, confusion, groups, members, reliability, require, style
from voxdag.figures import comparison as systems
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot
from voxdag.scoring import calibration, classification
from voxdag.scoring import protocol as protocols
from voxdag.tasks.emotion import metrics
from voxdag.tasks.emotion.criteria import class_names, logits

BREAKDOWN_COLUMNS = ("column", "value", "n")
CLASS_COLUMNS = ("system", "protocol", "class", "measure", "value", "low", "high")

UAR = Metric("uar", "UAR", "%", worst="lowest")
RECALL = Metric("recall", "Recall", "%", worst="lowest")
CRITERIA = {
    "dev_uar": Quantity("Dev UAR (%)", scale=100, best="max"),
    "dev_loss": Quantity("Dev loss", best="min"),
}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: confusion, reliability, where `breakdown` groups by class, several
    folds or speakers class_bars, folds, speakers, and after training history.

    `predictions` (the eval split) is as `metrics` says, an utterance once for each member (see `members`), `breakdown`
    what `metrics.breakdown` gives, `history` as `draw_history` says.

    Every table has a column protocol. Of `dev` nothing is drawn.

    Raises Refused if a table lacks a column, a label is none of the classes, or a fold lacks a seed, and as
    `protocol.of` does.
    """
    require.columns("breakdown", breakdown, BREAKDOWN_COLUMNS)
    protocol = protocols.of(predictions)
    note = protocols.NOTES[protocol]
    plots = {"confusion": _confusion(predictions, note), "reliability": _reliability(predictions, note)}
    classes = breakdown[breakdown["column"] == "class"]
    if len(classes):
        plots["class_bars"] = _class_bars(classes, note)
    for column in ("fold", "speaker"):
        if (breakdown["column"] == column).sum() > 1:
            plots[f"{column}s"] = groups.draw_groups(breakdown, column, replace(UAR, note=note), _overall(predictions))
    if len(history):  # weights that were taken as they are have none
        plots["history"] = draw_history(history, CRITERIA, note)
    return {name: replace(plot, table=plot.table.assign(protocol=protocol)) for name, plot in plots.items()}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """Draw the systems of the task beside one another, by name: uar, and where `tables` has class_bars, recall.

    `tables` are those of `figures` by their names, of all systems below one another with a column system. `intervals`
    holds one metric of a system or baseline a row: system, metric (its prefix says the protocol), value, low, high.

    Raises Refused if a table lacks a column, or as `comparison.headline` does.
    """
    plots = {"uar": systems.headline(intervals, UAR)}
    if "class_bars" in tables:
        plots["recall"] = _recalls(tables["class_bars"])
    return plots


def _confusion(predictions: pd.DataFrame, note: str) -> Plot:
    seeds = members.seeds(predictions)
    table = confusion.table(predictions["label"], predictions["predicted"], class_names(predictions), seeds)
    return Plot(table, confusion.figure(table, "share", style.noted(note, members.over_seeds(seeds))))


def _reliability(predictions: pd.DataFrame, note: str) -> Plot:
    """Draw the reliability of all members together, before and after temperature scaling."""
    labels = classification.indices(predictions["label"], class_names(predictions))
    curves = {
        "uncalibrated": calibration.reliability(softmax(logits(predictions), axis=1), labels),
        "temperature-scaled": calibration.reliability(metrics.probabilities(predictions), labels),
    }
    seeds = members.seeds(predictions)
    table = reliability.table(curves, seeds)
    return Plot(table, reliability.figure(table, style.noted(note, members.over_seeds(seeds))))


def _class_bars(rows: pd.DataFrame, note: str) -> Plot:
    table = class_bars.table(rows.rename(columns={"value": "class", "n": "support"}))
    return Plot(table, class_bars.figure(table, note), intervals=True)


def _overall(predictions: pd.DataFrame) -> groups.Overall:
    """Return the UAR of all utterances: that of the only member, or the mean over members."""
    by_member = members.split(predictions)
    classes = class_names(predictions)
    uars = [classification.report(rows["label"], rows["predicted"], classes).uar for rows in by_member.values()]
    return groups.Overall(float(np.mean(uars)), members.over_members(len(uars)) or "all utterances")


def _recalls(classes: pd.DataFrame) -> Plot:
    """Draw the recall of every class, in the classes' order."""
    require.rows("class_bars", classes, CLASS_COLUMNS)
    recalls = classes[classes["measure"] == "recall"]
    noted = recalls.assign(system=systems.with_notes(recalls["system"], recalls["protocol"].map(protocols.NOTES)))
    rates = noted.rename(columns={"class": "group", "value": "rate"}).reset_index(drop=True)
    drawn = systems.grouped_bars(rates, list(dict.fromkeys(rates["group"])), RECALL)
    return Plot(rates, drawn, intervals=True)
