"""The metrics of a regression."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.scoring.tables import Scoring
from voxdag.tasks.regress.criteria import ccc, criteria
from voxdag.tasks.reports import MemberReport

__all__ = ["BREAKDOWN", "HIGHER", "INTERVALS", "PREDICTIONS", "Scoring"]
__all__ += ["breakdown", "headline", "intervals", "member_values", "statistic"]


class Scorer:
    """CCC and mean absolute error of one member's utterances."""

    def __init__(self, predictions: pd.DataFrame):
        self.target, self.predicted = (predictions[name].to_numpy(float) for name in ("label", "predicted"))

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        error = np.average(np.abs(self.target - self.predicted), weights=counts)
        return {"ccc": ccc(self.target, self.predicted, counts), "mae": float(error)}


REPORT = MemberReport(("ccc", "mae"), Scorer, criteria)
PREDICTIONS = {"predicted": float}
HIGHER = frozenset({"ccc"})
INTERVALS, BREAKDOWN = REPORT.interval_types, REPORT.breakdown_types
headline, intervals, breakdown = REPORT.headline, REPORT.intervals, REPORT.breakdown
member_values, statistic = REPORT.member_values, REPORT.statistic
