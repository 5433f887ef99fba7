"""The metrics of a denoiser: means over utterances."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.scoring.tables import Scoring
from voxdag.tasks.denoise.criteria import criteria
from voxdag.tasks.reports import MemberReport

__all__ = ["BREAKDOWN", "HIGHER", "INTERVALS", "PREDICTIONS", "Scoring"]
__all__ += ["breakdown", "headline", "intervals", "member_values", "statistic"]

METRICS = ("noise_left", "si_sdr", "si_sdr_noisy")


class Scorer:
    """Means of the measures of one member's utterances."""

    def __init__(self, predictions: pd.DataFrame):
        self.values = predictions[list(METRICS)].to_numpy(float)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        return dict(zip(METRICS, np.average(self.values, axis=0, weights=counts).tolist(), strict=True))


REPORT = MemberReport(METRICS, Scorer, criteria)
PREDICTIONS = dict.fromkeys(METRICS, float)
HIGHER = frozenset({"si_sdr", "si_sdr_noisy"})
INTERVALS, BREAKDOWN = REPORT.interval_types, REPORT.breakdown_types
headline, intervals, breakdown = REPORT.headline, REPORT.intervals, REPORT.breakdown
member_values, statistic = REPORT.member_values, REPORT.statistic
