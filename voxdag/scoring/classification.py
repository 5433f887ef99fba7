"""Classification of an utterance into one of K classes: confusion, recall, precision, F1, UAR and WAR.

UAR (unweighted average recall, balanced accuracy) is the mean of the recalls of the classes, WAR (weighted average
recall) the accuracy. Source: B. Schuller, S. Steidl, A. Batliner, "The INTERSPEECH 2009 Emotion Challenge",
Interspeech 2009, section 4.

A metric without a denominator is undefined, NaN, and enters no mean: the recall of a class without support, the
precision of a class that is never predicted. UAR and macro F1 are means over the classes with support. F1 is
2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall where both are defined; of a class with support
that is never predicted it is 0, not undefined, because none of its utterances is found whatever its precision would
be. scikit-learn's macro F1 departs from this where a class is predicted without support: it counts it as 0, here it
is left out, and its false alarms cost the recall of the classes that they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxdag.core.errors import Refused


class ClassMetrics(NamedTuple):
    """Metrics of each class (..., K), fractions; support is a number of utterances."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.float64]


class Summary(NamedTuple):
    """Metrics over all classes (...), fractions; n_classes have support and enter uar and macro_f1."""

    uar: NDArray[np.float64]
    war: NDArray[np.float64]
    macro_f1: NDArray[np.float64]
    n_classes: NDArray[np.int64]


@dataclass(frozen=True)
class Report:
    """All metrics of one set of predictions.

    confusion: utterances (K, K), actual x predicted, in the order of `classes`.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.float64]
    by_class: ClassMetrics
    uar: float
    war: float
    macro_f1: float
    n_classes: int


def report(labels: ArrayLike, predictions: ArrayLike, classes: Sequence[str]) -> Report:
    """Score N predicted classes against N labels.

    Raises Refused if there is no utterance, the two differ in length, or one is not among `classes`.
    """
    counts = confusion(indices(labels, classes), indices(predictions, classes), len(classes))
    if not counts.sum():
        raise Refused("no utterance to score: expected at least one label and its prediction")
    uar, war, macro_f1, n_classes = summary(counts)
    return Report(tuple(classes), counts, by_class(counts), float(uar), float(war), float(macro_f1), int(n_classes))


def indices(names: ArrayLike, classes: Sequence[str]) -> NDArray[np.intp]:
    """The place of each name in `classes`. Raises Refused with the names that have none."""
    places = {name: place for place, name in enumerate(classes)}
    names = np.asarray(names, dtype=object)
    unknown = sorted({str(name) for name in names} - set(places))
    if unknown:
        raise Refused(f"unknown classes {', '.join(unknown)}: expected some of {', '.join(classes)}")
    return np.array([places[name] for name in names], dtype=np.intp)


def confusion(
    actual: NDArray[np.intp], predicted: NDArray[np.intp], n_classes: int, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Count every pair of class indices: (K, K), actual x predicted; utterance i counts weights[i] times.

    Raises Refused if the two differ in length.
    """
    if actual.shape != predicted.shape:
        raise Refused(f"{actual.size} labels and {predicted.size} predictions: expected as many of both")
    counts = np.bincount(actual * n_classes + predicted, weights, minlength=n_classes**2)
    return counts.astype(float).reshape(n_classes, n_classes)


def by_class(confusion: NDArray[np.float64]) -> ClassMetrics:
    """Metrics of each class, of one confusion matrix or of many (..., K, K)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1 = np.where(support > 0, _ratio(2 * hits, support + predicted), np.nan)
    return ClassMetrics(_ratio(hits, predicted), _ratio(hits, support), f1, support)


def summary(confusion: NDArray[np.float64]) -> Summary:
    """Metrics over all classes, of one confusion matrix or of many (..., K, K); of an empty one they are NaN."""
    metrics = by_class(confusion)
    n_classes = (metrics.support > 0).sum(axis=-1)
    uar, macro_f1 = (_ratio(np.nansum(values, axis=-1), n_classes) for values in (metrics.recall, metrics.f1))
    war = _ratio(np.trace(confusion, axis1=-2, axis2=-1), metrics.support.sum(axis=-1))
    return Summary(uar, war, macro_f1, n_classes)


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """part / whole, NaN where the whole is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
