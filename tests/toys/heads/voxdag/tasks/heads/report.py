"""The metrics of both heads, each over the utterances that have its target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.scoring.tables import Scoring
from voxdag.tasks.heads.criteria import criteria
from voxdag.tasks.reports import MemberReport

__all__ = ["BREAKDOWN", "HIGHER", "INTERVALS", "PREDICTIONS", "Scoring"]
__all__ += ["breakdown", "headline", "intervals", "member_values", "statistic"]


class Scorer:
    """Accuracy of the label and mean absolute error of the level, of one member's utterances."""

    def __init__(self, predictions: pd.DataFrame):
        right = (predictions["label"] == predictions["predicted"]).where(predictions["label"].notna())
        error = (predictions["level"] - predictions["predicted_level"]).abs()
        self.values = {"accuracy": right.to_numpy(float), "mae": error.to_numpy(float)}  # NaN where unknown

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        counts = np.ones(len(self.values["mae"])) if counts is None else counts
        return {name: _mean(values, counts) for name, values in self.values.items()}


def _mean(values: np.ndarray, counts: np.ndarray) -> float:
    weights = counts * np.isfinite(values)
    return float(np.nansum(values * weights) / weights.sum()) if weights.sum() else float("nan")


REPORT = MemberReport(("accuracy", "mae"), Scorer, criteria)
PREDICTIONS = {"predicted_level": float}
HIGHER = frozenset({"accuracy"})
INTERVALS, BREAKDOWN = REPORT.interval_types, REPORT.breakdown_types
headline, intervals, breakdown = REPORT.headline, REPORT.intervals, REPORT.breakdown
member_values, statistic = REPORT.member_values, REPORT.statistic
