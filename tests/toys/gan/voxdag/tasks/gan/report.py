"""The metric of a generator."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.scoring.tables import Scoring
from voxdag.tasks.gan.criteria import criteria, gap
from voxdag.tasks.reports import MemberReport

__all__ = ["BREAKDOWN", "HIGHER", "INTERVALS", "PREDICTIONS", "Scoring"]
__all__ += ["breakdown", "headline", "intervals", "member_values", "statistic"]


class Scorer:
    """The gap of one member's rows."""

    def __init__(self, predictions: pd.DataFrame):
        self.predictions = predictions

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        return {"gap": gap(self.predictions, counts)}


REPORT = MemberReport(("gap",), Scorer, criteria)
PREDICTIONS = {"real_*": float, "made_*": float}
HIGHER = frozenset()
INTERVALS, BREAKDOWN = REPORT.interval_types, REPORT.breakdown_types
headline, intervals, breakdown = REPORT.headline, REPORT.intervals, REPORT.breakdown
member_values, statistic = REPORT.member_values, REPORT.statistic
