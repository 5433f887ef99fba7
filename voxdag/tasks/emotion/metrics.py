"""Metrics of an emotion recogniser, from its predictions.

predictions: one row per utterance and member: id, fold and seed (see `scoring.members`), protocol, speaker, label,
    predicted, whatever else `breakdown` groups by, and p_<class> (calibrated probabilities) and logit_<class>
    (uncalibrated) for each class that the network can choose.

Metrics of a system are means over its members. All are fractions; an undefined metric is missing.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import softmax

from voxdag.core import streams
from voxdag.data.members import Member
from voxdag.scoring import calibration, classification, members, protocol, tables
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring
from voxdag.tasks.emotion.criteria import class_names, logits

METRICS = ("uar", "war", "macro_f1")
CLASS_METRICS = ("precision", "recall", "f1")
CALIBRATION = ("ece", "ece_uncalibrated")
CLASS = "class"  # in `by`: the metrics of each class
STREAM = (None,)  # no fold: the draws of means are those of tables that were written before members had names
MEASURES = tables.Measures((*METRICS, *CALIBRATION), {"n": None}, STREAM)
PREDICTIONS = {"confidence": float, "p_*": float, "logit_*": float}
INTERVALS = tables.interval_types(MEASURES)
BREAKDOWN = tables.breakdown_types(MEASURES, (*METRICS, *CLASS_METRICS), {"n_classes": int})


class Scorer:
    """The metrics of one member's predictions, counted once and scored under any number of resamplings."""

    def __init__(self, predictions: pd.DataFrame) -> None:
        self.classes = class_names(predictions)
        actual, predicted = (classification.indices(predictions[name], self.classes) for name in ("label", "predicted"))
        self.cell = actual * len(self.classes) + predicted

    def confusion(self, counts: np.ndarray | None = None) -> np.ndarray:
        """(K, K): actual x predicted, of the set in which row i stands counts[i] times."""
        size = len(self.classes)
        return np.bincount(self.cell, counts, minlength=size**2).astype(float).reshape(size, size)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """UAR, WAR and macro F1, over the classes with support."""
        values = classification.summary(self.confusion(counts))
        return {metric: float(getattr(values, metric)) for metric in METRICS}

    def by_class(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """The metrics of each class, "<metric> <class>"."""
        values = classification.by_class(self.confusion(counts))
        return {
            f"{metric} {name}": float(value)
            for metric in CLASS_METRICS
            for name, value in zip(self.classes, getattr(values, metric), strict=True)
        }


class CalibratedScorer(Scorer):
    """The metrics of one member, of the rows themselves also the expected calibration errors, after temperature scaling
    and before.

    Of a resampling these are left out: it adds noise to every bin and ECE sums its absolute value, so that percentiles
    lie above the estimate.
    """

    def __init__(self, predictions: pd.DataFrame) -> None:
        super().__init__(predictions)
        labels = classification.indices(predictions["label"], self.classes)
        pairs = zip(CALIBRATION, (probabilities(predictions), softmax(logits(predictions), axis=1)), strict=True)
        self.errors = {metric: calibration.ece(values, labels) for metric, values in pairs}

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """UAR, WAR, macro F1, and of the rows themselves ECE."""
        return super().__call__(counts) | (self.errors if counts is None else {})


def probabilities(predictions: pd.DataFrame) -> np.ndarray:
    """The calibrated probabilities (N, K)."""
    return predictions[[f"p_{name}" for name in class_names(predictions)]].to_numpy(float)


def statistic(predictions: pd.DataFrame) -> Members:
    """The members, each with what scores it under any resampling.

    Raises Refused if a column is missing, there is no row, a label or prediction is none of the classes, a
    probability or logit is not finite, an utterance stands twice in a member, or `protocol` refuses.
    """
    _check(predictions)
    return tables.scored(_split(predictions), lambda _, rows: CalibratedScorer(rows), shares=_shares)


def _shares(metric: str, rows: pd.DataFrame) -> list[np.ndarray]:
    """What each metric that is a share, or a mean of shares, is a share of: all rows, those of each class, those that
    are or were called one class."""
    name, _, of_class = metric.partition(" ")
    if name == "war":
        return [np.ones(len(rows), dtype=bool)]
    if name == "uar":
        return [(rows["label"] == label).to_numpy() for label in rows["label"].unique()]
    column = {"recall": "label", "precision": "predicted"}.get(name)
    return [(rows[column] == of_class).to_numpy()] if column else []


def headline(predictions: pd.DataFrame) -> dict[str, float | None]:
    """The metrics that stand for the system, without prefix: the means over members, and the standard deviation of UAR
    over members (of one member None).

    Raises Refused as `statistic` does.
    """
    return tables.headline(statistic(predictions), MEASURES.metrics, "uar")


def intervals(predictions: pd.DataFrame, scoring: Scoring, seed: int) -> pd.DataFrame:
    """Bootstrap intervals of every metric, once by utterance and once by speaker, as `tables.intervals` makes them. The
    calibration errors have none.

    Raises Refused as `statistic` does, or without a column `speaker`.
    """
    _check(predictions, ["speaker"])
    return tables.intervals(statistic(predictions), MEASURES, protocol.prefix(predictions), scoring, seed)


def member_values(predictions: pd.DataFrame) -> pd.DataFrame:
    """Every metric of every member, as `tables.member_values` makes them. Raises Refused as `statistic` does."""
    return tables.member_values(statistic(predictions), MEASURES, protocol.prefix(predictions))


def breakdown(predictions: pd.DataFrame, by: Sequence[str], scoring: Scoring, seed: int) -> pd.DataFrame:
    """Score every group of every column in `by`, with intervals by utterance.

    Columns: those of BREAKDOWN: n (utterances), n_classes (with support), uar, war and macro_f1 (over the classes with
    support in the group), and precision, recall, f1. The latter are of the rows of column "class", which score each
    class against all others and have none of the former. A row with no value in a column is in none of its groups.

    Raises Refused as `statistic` does.
    """
    _check(predictions, [column for column in by if column != CLASS])
    rows = []
    for column in by:
        if column == CLASS:
            rows += _class_rows(predictions, scoring, seed)
        else:
            rows += tables.breakdown(predictions, [column], partial(_group_row, scoring=scoring), seed)
    return tables.typed(rows, BREAKDOWN).assign(protocol=protocol.of(predictions))


def _class_rows(predictions: pd.DataFrame, scoring: Scoring, seed: int) -> list[dict]:
    scores = tables.scored(_split(predictions), lambda _, rows: Scorer(rows).by_class, shares=_shares)
    values, rng = scores.mean(), streams.generator(seed, "breakdown", CLASS)
    bounds = scores.intervals("utterance", rng, scoring.replicates, scoring.confidence)
    rows = []
    for name in class_names(predictions):
        names = {metric: f"{metric} {name}" for metric in CLASS_METRICS}
        counts = MEASURES.count(predictions[predictions["label"] == name])
        row = {"column": CLASS, "value": name, "members": tables.defining(scores, list(names.values()))}
        row |= counts | {"n_classes": int(counts["n"] > 0)}
        rows.append(row | tables.with_ends(names, values, bounds))
    return rows


def _group_row(
    column: str, value: str, group: pd.DataFrame, rng: np.random.Generator, scoring: Scoring
) -> dict[str, float]:
    scores = tables.scored(_split(group), lambda _, rows: Scorer(rows), group=f"{column} {value}", shares=_shares)
    counts = MEASURES.count(group) | {"n_classes": group["label"].nunique()}
    return counts | tables.group_metrics(scores, METRICS, scoring, rng)


def _split(predictions: pd.DataFrame) -> dict[Member, pd.DataFrame]:
    """The rows of each member, sorted, so that draws do not depend on their order."""
    return members.split(predictions.sort_values("id", kind="stable"))


def _check(predictions: pd.DataFrame, columns: Sequence[str] = ()) -> None:
    classes = class_names(predictions)
    numbers = [f"{kind}_{name}" for kind in ("p", "logit") for name in classes]
    labels = {"label": classes, "predicted": classes}
    tables.check(predictions, ["protocol", *columns], labels, numbers)
    protocol.of(predictions)
