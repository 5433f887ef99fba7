"""Metrics of an emotion recogniser, from its predictions.

predictions: one row per utterance and fold: id, fold (empty, or no such column, where the corpus has a fixed split),
    protocol, speaker, label, predicted, whatever else `breakdown` groups by, and p_<class> (calibrated probabilities)
    and logit_<class> (uncalibrated) for each class that the network can choose.

UAR, WAR and macro F1 of a system are means over its folds, each fold weighing the same. All are fractions; an
undefined metric is missing. The name of every metric says under which protocol it was measured: nothing stands before
those of speaker-independent folds, `PREFIXES` before all others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.scoring import calibration, classification
from voxdag.scoring.intervals import Interval, bootstrap
from voxdag.tasks.emotion.criteria import class_names, logits

PREFIXES = {
    "speaker_independent": "",
    "leaky": "leaky_",  # speakers of eval were heard in training
    "transductive": "transductive_",  # unlabelled audio of eval's speakers was used
    "leaky_transductive": "leaky_transductive_",
}
METRICS = ("uar", "war", "macro_f1")
CLASS_METRICS = ("precision", "recall", "f1")
CALIBRATION = ("ece", "ece_uncalibrated")
ENDS = Interval._fields
NO_INTERVAL = (None, None)

Statistics = Callable[[np.ndarray | None], dict[str, float]]


@dataclass(frozen=True)
class Scoring:
    """How intervals are made, and what the breakdown groups by.

    replicates  bootstrap replicates
    confidence  of the intervals, a fraction
    by          columns of the predictions, and "class" for the metrics of each class
    """

    replicates: int
    confidence: float
    by: tuple[str, ...]


class Scorer:
    """The metrics of one set of predictions, counted once and scored under any number of resamplings."""

    def __init__(self, predictions: pd.DataFrame) -> None:
        self.classes = class_names(predictions)
        self.size = len(self.classes)
        actual, predicted = (classification.indices(predictions[name], self.classes) for name in ("label", "predicted"))
        self.fold, self.folds = pd.factorize(_names(predictions, "fold").fillna(""), sort=True)
        self.cell = (self.fold * self.size + actual) * self.size + predicted
        self.utterances = np.bincount(self.fold)  # (F,)

    def confusions(self, counts: np.ndarray | None = None) -> np.ndarray:
        """(F, K, K): fold x actual x predicted, of the set in which row i stands counts[i] times."""
        shape = (len(self.folds), self.size, self.size)
        return np.bincount(self.cell, counts, minlength=np.prod(shape)).astype(float).reshape(shape)

    def over_folds(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """The means over folds, each over the classes with support there.

        In a resampling a fold weighs as many times as its utterances were drawn on the average, so that a fold whose
        only speaker is drawn twice counts twice and one whose speakers are not drawn is left out; in the set itself all
        weigh the same.
        """
        confusions = self.confusions(counts)
        weights = confusions.sum(axis=(1, 2)) / self.utterances
        drawn = weights > 0
        values = classification.summary(confusions[drawn])
        return {metric: float(np.average(getattr(values, metric), weights=weights[drawn])) for metric in METRICS}

    def pooled(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """The metrics of all utterances together, whatever their fold."""
        values = classification.summary(self.confusions(counts).sum(axis=0))
        return {metric: float(getattr(values, metric)) for metric in METRICS}

    def by_class(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """The metrics of each class, "<metric> <class>", of all utterances together."""
        values = classification.by_class(self.confusions(counts).sum(axis=0))
        return {
            f"{metric} {name}": float(value)
            for metric in CLASS_METRICS
            for name, value in zip(self.classes, getattr(values, metric), strict=True)
        }


def headline(predictions: pd.DataFrame) -> dict[str, float | None]:
    """The metrics that stand for the system, without prefix: the means over folds, the standard deviation of UAR over
    folds (of one fold None), and the expected calibration error of all folds together, after temperature scaling and
    before.

    Raises Refused if a column is missing, there is no row, a label or prediction is none of the classes, a
    probability or logit is not finite, or `protocol` refuses.
    """
    _check(predictions)
    scorer = Scorer(predictions)
    uars = classification.summary(scorer.confusions()).uar
    spread = float(np.std(uars, ddof=1)) if uars.size > 1 else None
    return scorer.over_folds() | {"uar_sd": spread} | calibration_errors(predictions)


def calibration_errors(predictions: pd.DataFrame) -> dict[str, float]:
    """ECE of the calibrated and of the uncalibrated probabilities, pooled over folds."""
    labels = classification.indices(predictions["label"], class_names(predictions))
    pairs = zip(CALIBRATION, (probabilities(predictions), softmax(logits(predictions), axis=1)), strict=True)
    return {metric: calibration.ece(values, labels) for metric, values in pairs}


def probabilities(predictions: pd.DataFrame) -> np.ndarray:
    """The calibrated probabilities (N, K)."""
    return predictions[[f"p_{name}" for name in class_names(predictions)]].to_numpy(float)


def protocol(predictions: pd.DataFrame) -> str:
    """The protocol of all rows. Raises Refused if it is unknown or they have more than one."""
    found = sorted({str(name) for name in predictions["protocol"]})
    if len(found) != 1 or found[0] not in PREFIXES:
        raise Refused(f"protocol is {' and '.join(found)}: expected one of {', '.join(PREFIXES)} in all rows")
    return found[0]


def intervals(predictions: pd.DataFrame, scoring: Scoring, seed: int) -> pd.DataFrame:
    """Bootstrap intervals of the means over folds, and of UAR in each fold where there are several.

    Columns: metric (with its prefix), fold (missing: the mean over folds), value, low, high, resampled_by (utterance
    or speaker), replicates, n (utterances). By speaker, low and high are missing unless every row has a speaker and
    there are at least two. The calibration errors have none: resampling adds noise to every bin and ECE sums its
    absolute value, so that percentiles lie above the estimate.

    Raises Refused as `headline` does.
    """
    _check(predictions, ["speaker"])
    prefix, scorer = PREFIXES[protocol(predictions)], Scorer(predictions)
    values = scorer.over_folds() | calibration_errors(predictions)
    rows = _interval_rows(predictions, scorer.over_folds, values, None, scoring, seed)
    for number, fold in enumerate(scorer.folds if len(scorer.folds) > 1 else ()):
        group = predictions[scorer.fold == number]
        statistic = Scorer(group).pooled
        rows += _interval_rows(group, statistic, {"uar": statistic(None)["uar"]}, fold, scoring, seed)
    table = pd.DataFrame(rows, columns=["metric", "fold", "value", *ENDS, "resampled_by", "replicates", "n"])
    table["metric"] = prefix + table["metric"]
    return table.astype(dict.fromkeys(["value", *ENDS], float))


def _interval_rows(
    predictions: pd.DataFrame,
    statistics: Statistics,
    values: dict[str, float],
    fold: str | None,
    scoring: Scoring,
    seed: int,
) -> list[tuple]:
    rows = []
    for by, column in (("utterance", "id"), ("speaker", "speaker")):
        rng = streams.generator(seed, "intervals", by, fold)
        bounds = _bounds(statistics, predictions[column], scoring, rng)
        rows += [
            (metric, fold, value, *bounds.get(metric, NO_INTERVAL), by, scoring.replicates, len(predictions))
            for metric, value in values.items()
        ]
    return rows


def breakdown(predictions: pd.DataFrame, by: Sequence[str], scoring: Scoring, seed: int) -> pd.DataFrame:
    """Score every group of every column in `by`, all folds together, with intervals by utterance.

    Columns: protocol, column, value, n (utterances), n_classes (with support), then with its _low and _high each of
    uar, war, macro_f1 (over the classes with support in the group), and of precision, recall, f1. The latter are of the
    rows of column "class", which score each class against all others and have none of the former. A row with no value
    in a column is in none of its groups.

    Raises Refused as `headline` does.
    """
    _check(predictions, [column for column in by if column not in ("class", "fold")])
    rows = []
    for column in by:
        make = _class_rows if column == "class" else _group_rows
        rows += make(predictions, column, scoring, seed)
    numbers = [name for metric in (*METRICS, *CLASS_METRICS) for name in (metric, *(f"{metric}_{end}" for end in ENDS))]
    table = pd.DataFrame(rows, columns=["column", "value", "n", "n_classes", *numbers])
    table.insert(0, "protocol", protocol(predictions))
    return table.astype(dict.fromkeys(numbers, float))


def _class_rows(predictions: pd.DataFrame, column: str, scoring: Scoring, seed: int) -> list[dict]:
    scorer = Scorer(predictions)
    values = scorer.by_class()
    bounds = _bounds(scorer.by_class, predictions["id"], scoring, streams.generator(seed, "breakdown", column))
    support = scorer.confusions().sum(axis=(0, 2)).astype(int)
    return [
        {"column": column, "value": name, "n": n, "n_classes": int(n > 0)}
        | _with_ends({metric: f"{metric} {name}" for metric in CLASS_METRICS}, values, bounds)
        for name, n in zip(scorer.classes, support, strict=True)
    ]


def _group_rows(predictions: pd.DataFrame, column: str, scoring: Scoring, seed: int) -> list[dict]:
    rows, names = [], _names(predictions, column)
    for value in sorted(names.dropna().unique()):
        group = predictions[names == value]
        scorer = Scorer(group)
        rng = streams.generator(seed, "breakdown", column, value)
        row = {"column": column, "value": value, "n": len(group), "n_classes": group["label"].nunique()}
        bounds = _bounds(scorer.pooled, group["id"], scoring, rng)
        rows.append(row | _with_ends({metric: metric for metric in METRICS}, scorer.pooled(), bounds))
    return rows


def _with_ends(names: dict[str, str], values: dict[str, float], bounds: dict[str, Interval]) -> dict[str, float]:
    """Value, low and high of each metric, looked up under its name."""
    row = {metric: values[name] for metric, name in names.items()}
    for metric, name in names.items():
        row |= dict(zip((f"{metric}_{end}" for end in ENDS), bounds.get(name, NO_INTERVAL), strict=True))
    return row


def _bounds(
    statistics: Statistics, clusters: pd.Series, scoring: Scoring, rng: np.random.Generator
) -> dict[str, Interval]:
    """Intervals of the statistics that every replicate defines; none with fewer than two clusters or one missing.

    A replicate is scored on the classes that it holds: redrawing until it holds all of them would make the draws of a
    small group all but equal. So the draws are told of one class only.
    """
    if clusters.isna().any() or clusters.nunique() < 2:
        return {}
    one_class, names = np.zeros(len(clusters)), pd.factorize(clusters, sort=True)[0]
    drawn = bootstrap(statistics, one_class, rng, scoring.replicates, scoring.confidence, names)
    return {metric: interval for metric, interval in drawn.items() if np.isfinite(interval).all()}


def _names(predictions: pd.DataFrame, column: str) -> pd.Series:
    """A column as text, missing where it is missing or empty; all of it where there is none of folds."""
    if column == "fold" and column not in predictions:
        return pd.Series(None, predictions.index, dtype=object)
    return predictions[column].map(lambda value: str(value) if pd.notna(value) and value != "" else None).astype(object)


def _check(predictions: pd.DataFrame, columns: Sequence[str] = ()) -> None:
    classes = class_names(predictions)
    numbers = [f"{kind}_{name}" for kind in ("p", "logit") for name in classes]
    missing = [name for name in ("id", "protocol", "label", "predicted", *numbers, *columns) if name not in predictions]
    if missing:
        raise Refused(f"predictions have no column {', '.join(missing)}; they have {', '.join(predictions)}")
    if predictions.empty:
        raise Refused("predictions have no rows: expected one per utterance and fold")
    protocol(predictions)
    for column in ("label", "predicted"):
        _refuse(predictions, ~predictions[column].isin(classes), [column], f"none of {', '.join(classes)}")
    _refuse(predictions, ~np.isfinite(predictions[numbers].to_numpy(float)).all(axis=1), numbers, "not finite")


def _refuse(predictions: pd.DataFrame, broken: np.ndarray | pd.Series, columns: list[str], reason: str) -> None:
    faulty = predictions[broken]
    if len(faulty):
        first = faulty.iloc[0]
        shown = ", ".join(f"{name} {first[name]}" for name in columns)
        raise Refused(
            f"{len(faulty)} of {len(predictions)} predictions are {reason}: utterance {first['id']} has {shown}"
        )
