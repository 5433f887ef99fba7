"""Metrics of an affect regression, from its predictions.

predictions: one row per clip and member: id, fold and seed (see `scoring.members`), protocol, speaker (the song, or its
    artist: what intervals are clustered by), valence and arousal (the means of the annotators' ratings), their standard
    deviations <dimension>_sd and the number of `annotators` (missing where unknown), predicted_valence and
    predicted_arousal, quadrant, and whatever else the breakdown groups by.

CCC and R2 have no unit; errors have that of the scale from -1 to 1, where a step of DEAM's scale from 1 to 9 is 0.25.
`ccc` is the mean over the two dimensions, `rmse` the root of the mean of their two mean squares.

Of a quadrant CCC and R2 say nothing: the label itself chose the clips, so that its variance is cut off and both fall,
whatever the errors (restriction of range: K. Pearson, Phil. Trans. R. Soc. A 200, 1903; R. Thorndike, Personnel
Selection, 1949, chapter 6). What is reported of it are RMSE and bias, which are not relative to that variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from voxdag.scoring import concordance, protocol
from voxdag.scoring import tables as metric_tables
from voxdag.scoring.tables import Scoring
from voxdag.tasks.affect.criteria import PREDICTED, criteria, pairs
from voxdag.tasks.affect.data import DIMENSIONS, QUADRANT, SD
from voxdag.tasks.reports import MemberReport

RELATIVE = ("ccc", *(f"ccc_{name}" for name in DIMENSIONS), *(f"r2_{name}" for name in DIMENSIONS))
ERRORS = ("rmse", *(f"rmse_{name}" for name in DIMENSIONS))
BIASES = tuple(f"bias_{name}" for name in DIMENSIONS)
CEILINGS = tuple(f"ceiling_ccc_{name}" for name in DIMENSIONS)  # what the annotators' agreement allows
METRICS = (*RELATIVE, *ERRORS)
HIGHER = frozenset({*RELATIVE, *CEILINGS})
PREDICTIONS = {**dict.fromkeys(PREDICTED, float), "crops": int}
SPREADS = tuple(f"{name}{SD}" for name in DIMENSIONS)


class Scorer:
    """The metrics of one member's predictions, under any counts of its rows.

    Raises Refused for a column that is missing, or a label or prediction that is not finite, naming the clip.
    """

    def __init__(self, predictions: pd.DataFrame) -> None:
        metric_tables.check(predictions, (), {}, (*DIMENSIONS, *PREDICTED))
        self.target, self.predicted = pairs(predictions)  # (2, N)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """METRICS, of the set in which row i stands counts[i] times."""
        given = self.target, self.predicted, counts
        by_dimension = {"ccc": concordance.ccc(*given), "r2": concordance.r2(*given), "rmse": concordance.rmse(*given)}
        over_both = {"ccc": by_dimension["ccc"].mean(), "rmse": np.sqrt((by_dimension["rmse"] ** 2).mean())}
        found = over_both | _named(by_dimension)
        return {name: float(found[name]) for name in METRICS}


class GroupScorer(Scorer):
    """The same of a group, and the bias of each dimension."""

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """METRICS and BIASES."""
        return super().__call__(counts) | _named({"bias": concordance.bias(self.target, self.predicted, counts)})


class QuadrantScorer(GroupScorer):
    """The errors of clips that their labels chose."""

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """ERRORS and BIASES."""
        return {name: value for name, value in super().__call__(counts).items() if name not in RELATIVE}


class CeilingScorer(Scorer):
    """The metrics, and the CCC that the annotators' disagreement allows (`concordance.ceiling`), which is the same for
    all systems. A clip of fewer than two annotators shows no disagreement: it is unknown, and so is the ceiling."""

    def __init__(self, predictions: pd.DataFrame) -> None:
        super().__init__(predictions)
        metric_tables.check(predictions, (*SPREADS, "annotators"), {}, ())
        spread, annotators = predictions[list(SPREADS)].to_numpy(float).T, predictions["annotators"].to_numpy(float)
        # DEAM's standard deviations are over all m annotators (ten whole numbers have 99 % of its pairs of mean and
        # deviation only so): the variance of their mean is s^2 / (m - 1).
        self.noise = spread**2 / np.where(annotators >= 2, annotators - 1, np.nan)  # (2, N)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """METRICS and CEILINGS."""
        return super().__call__(counts) | _named({"ceiling_ccc": concordance.ceiling(self.target, self.noise, counts)})


def _named(by_dimension: Mapping[str, np.ndarray]) -> dict[str, float]:
    """metric -> (2,) as "<metric>_<dimension>" -> value."""
    return {
        f"{metric}_{name}": float(value)
        for metric, values in by_dimension.items()
        for name, value in zip(DIMENSIONS, values, strict=True)
    }


REPORT = MemberReport(METRICS, Scorer, criteria)
WITH_CEILINGS = MemberReport((*METRICS, *CEILINGS), CeilingScorer, criteria)
OF_GROUPS = MemberReport((*METRICS, *BIASES), GroupScorer, criteria)
OF_QUADRANTS = MemberReport((*ERRORS, *BIASES), QuadrantScorer, criteria)
HEADLINE = ("ccc", "ccc_valence", "ccc_arousal", "r2_valence", "r2_arousal", "rmse")
INTERVALS, BREAKDOWN = WITH_CEILINGS.interval_types, OF_GROUPS.breakdown_types


def headline(predictions: Mapping[str, pd.DataFrame]) -> dict[str, float | None]:
    """Eight numbers: HEADLINE on eval, the spread of CCC over members, and CCC on dev."""
    values, prefix = REPORT.headline(predictions, {}), protocol.prefix(predictions["eval"])
    kept = {f"{prefix}{name}" for name in (*HEADLINE, "ccc_sd", "dev_ccc")}
    return {name: value for name, value in values.items() if name in kept}


def breakdown(predictions: Mapping[str, pd.DataFrame], scoring: Scoring, seed: int) -> pd.DataFrame:
    """Every group of every column in `scoring.by`, with the columns BREAKDOWN; quadrants have errors alone."""
    parts = []
    for column in scoring.by:
        report = OF_QUADRANTS if column == QUADRANT else OF_GROUPS
        parts += report.breakdown(predictions, {}, replace(scoring, by=(column,)), seed).to_dict("records")
    return metric_tables.typed(parts, BREAKDOWN)
