"""What the stages ask of this task's metrics: `predictions` holds dev and eval, by split; of `tables` it needs none."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.scoring.tables import Scoring as Scoring
from voxdag.tasks.affect import metrics
from voxdag.tasks.affect.metrics import BREAKDOWN as BREAKDOWN
from voxdag.tasks.affect.metrics import HIGHER as HIGHER
from voxdag.tasks.affect.metrics import INTERVALS as INTERVALS
from voxdag.tasks.affect.metrics import PREDICTIONS as PREDICTIONS

Predictions = Mapping[str, pd.DataFrame]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]

# The ceilings stand in the intervals alone: they are of the labels, so that systems do not differ in them.
intervals = metrics.WITH_CEILINGS.intervals
member_values, statistic = metrics.REPORT.member_values, metrics.REPORT.statistic


def headline(predictions: Predictions, tables: Tables) -> dict[str, float | None]:
    """Eight numbers that stand for a system: CCC and its spread over members, CCC and R2 of each dimension, RMSE, and
    the CCC on dev that it was chosen by."""
    return metrics.headline(predictions)


def breakdown(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval group by group; of quadrants the errors alone."""
    return metrics.breakdown(predictions, scoring, seed)
