"""What the stages ask of this task's metrics: `predictions` holds dev and eval, by split; of `tables` it needs none."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring as Scoring
from voxdag.tasks.enhance.metrics import BREAKDOWN as BREAKDOWN
from voxdag.tasks.enhance.metrics import HIGHER as HIGHER
from voxdag.tasks.enhance.metrics import INTERVALS as INTERVALS
from voxdag.tasks.enhance.metrics import PREDICTIONS as PREDICTIONS
from voxdag.tasks.enhance.metrics import Report
from voxdag.tasks.enhance.metrics import common as common

Predictions = Mapping[str, pd.DataFrame]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]


def headline(predictions: Predictions, tables: Tables) -> dict[str, float | None]:
    """At most eight numbers: metrics on eval that were not optimised, the spread of the first over members, PESQ on
    dev.

    Raises Refused as `metrics.Report` does.
    """
    return Report(predictions).headline()


def intervals(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval with their intervals, by utterance and by speaker, and how often each is undefined."""
    return Report(predictions).intervals(scoring, seed)


def breakdown(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval group by group."""
    return Report(predictions).of_house.breakdown(predictions, tables, scoring, seed)


def member_values(predictions: Predictions, tables: Tables) -> pd.DataFrame:
    """The metrics of each member on eval."""
    return Report(predictions).of_house.member_values(predictions, tables)


def statistic(predictions: Predictions, tables: Tables) -> Members:
    """What scores the members on eval under any resampling."""
    return Report(predictions).of_house.statistic(predictions, tables)
