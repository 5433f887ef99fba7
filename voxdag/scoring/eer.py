"""DET curve, equal error rate, ROC and the area under it, by the convention of the ASVspoof challenges.

Scores: higher = more bona fide. Rates are fractions. All N trials are sorted once; inside a tie bona fide trials come
first, so each tied trial moves the curve on its own and a tie is counted to the system's disadvantage.
Source: the DET and EER code that the ASVspoof 2019, 2021 and 5 evaluation packages share.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused

FIRST_THRESHOLD_STEP = 0.001  # how far below the lowest score the accept-all threshold is reported (ASVspoof packages)


class DetCurve(NamedTuple):
    """N + 1 operating points: point k rejects the k lowest scores and `thresholds[k]` is the highest of those."""

    frr: np.ndarray
    far: np.ndarray
    thresholds: np.ndarray


class EER(NamedTuple):
    """Equal error rate (fraction) and the score of the last trial that is rejected there."""

    eer: float
    threshold: float


class RankedTrials:
    """Two classes of scores, sorted once and read under any number of resamplings.

    Raises Refused if a class has no score, or a score is not a finite number.
    """

    def __init__(self, bonafide: ArrayLike, spoof: ArrayLike) -> None:
        bonafide, spoof = checked({"bona fide": bonafide, "spoof": spoof})
        scores = np.concatenate([bonafide, spoof])  # (N,)
        self.order = np.argsort(scores, kind="stable")
        self.scores = scores[self.order]
        self.places = np.arange(scores.size, dtype=np.int32)  # repeated at every reading: half as much to write
        self.is_bonafide = (self.order < bonafide.size).astype(np.int64)  # summed at every reading: bool would be slow

    def curve(self, counts: np.ndarray | None = None) -> DetCurve:
        """DET curve of the set in which trial i stands `counts[i]` times (trials: bona fide, then spoof; once if None).

        The curve is that of `det_curve` on the repeated scores, bit by bit: repeating keeps the sorted order.
        """
        is_bonafide, scores = self.is_bonafide, self.scores
        if counts is not None:
            ranks = np.repeat(self.places, counts[self.order])
            is_bonafide, scores = is_bonafide[ranks], scores[ranks]
        misses = np.concatenate([[0], np.cumsum(is_bonafide)])  # (N + 1,)
        n_bonafide, n_spoof = misses[-1], scores.size - misses[-1]
        false_alarms = n_spoof - (np.arange(misses.size) - misses)
        thresholds = np.concatenate([[scores[0] - FIRST_THRESHOLD_STEP], scores])
        return DetCurve(misses / n_bonafide, false_alarms / n_spoof, thresholds)


def checked(classes: Mapping[str, ArrayLike]) -> list[np.ndarray]:
    """The scores of every class as float64 vectors.

    Raises Refused if a class has no score, is not a vector, or holds a NaN or an infinity.
    """
    arrays = {name: np.asarray(scores, dtype=np.float64) for name, scores in classes.items()}
    for name, scores in arrays.items():
        if scores.ndim != 1:
            raise Refused(f"{name} scores must be a vector, not of shape {scores.shape}")
    if not all(scores.size for scores in arrays.values()):
        found = " and ".join(f"{scores.size} {name}" for name, scores in arrays.items())
        raise Refused(f"every class needs at least one score: found {found}")
    for name, scores in arrays.items():
        bad = np.flatnonzero(~np.isfinite(scores))
        if bad.size:
            first = f"the first is {scores[bad[0]]} at index {bad[0]}"
            raise Refused(f"{bad.size} of {scores.size} {name} scores are not finite: {first}")
    return list(arrays.values())


def det_curve(bonafide: ArrayLike, spoof: ArrayLike) -> DetCurve:
    """False rejection and false acceptance rates at every threshold, from accept-all (0, 1) to reject-all (1, 0).

    Raises Refused as `RankedTrials` does.
    """
    return RankedTrials(bonafide, spoof).curve()


def equal_error(curve: DetCurve) -> EER:
    """Mean of the two rates where they are nearest, at the first such point; no interpolation, no convex hull."""
    nearest = np.argmin(np.abs(curve.frr - curve.far))
    return EER(float((curve.frr[nearest] + curve.far[nearest]) / 2), float(curve.thresholds[nearest]))


def eer(bonafide: ArrayLike, spoof: ArrayLike) -> EER:
    """Equal error rate; above 0.5 for inverted scores (never folded), 1 if all the scores are equal.

    Raises Refused as `RankedTrials` does.
    """
    return equal_error(det_curve(bonafide, spoof))


def cheapest(cost: np.ndarray, thresholds: np.ndarray) -> tuple[float, float]:
    """The lowest cost over the points of a curve and the threshold of the first point that reaches it."""
    best = np.argmin(cost)
    return float(cost[best]), float(thresholds[best])


def roc(bonafide: ArrayLike, spoof: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """False acceptance rate and detection rate (1 - FRR), one point per distinct score and one for accept-all.

    Raises Refused as `RankedTrials` does.
    """
    return roc_points(det_curve(bonafide, spoof))


def roc_points(curve: DetCurve) -> tuple[np.ndarray, np.ndarray]:
    """The points of a DET curve at which no tie is cut in two: (false acceptance rate, detection rate)."""
    after_ties = np.flatnonzero(curve.thresholds[2:] != curve.thresholds[1:-1]) + 1
    whole = np.concatenate([[0], after_ties, [curve.far.size - 1]])
    return curve.far[whole], 1 - curve.frr[whole]


def auc(bonafide: ArrayLike, spoof: ArrayLike) -> float:
    """P(bona fide score > spoof score) + P(equal) / 2: the Mann-Whitney statistic, the trapezoidal area under the ROC.

    Raises Refused as `RankedTrials` does.
    """
    return area(det_curve(bonafide, spoof))


def area(curve: DetCurve) -> float:
    """Area under the ROC of a DET curve, ties counted by half."""
    far, detection = roc_points(curve)
    return abs(float(np.trapezoid(detection, far)))  # `far` falls; and no area is -0.0
