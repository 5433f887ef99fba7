"""What the stages ask of this task's metrics: `predictions` holds dev and eval, by split; of `tables` it needs none."""

from collections.abc import Mapping

import pandas as pd

from voxdag.scoring import protocol
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring as Scoring
from voxdag.tasks.emotion import metrics
from voxdag.tasks.emotion.metrics import BREAKDOWN as BREAKDOWN
from voxdag.tasks.emotion.metrics import INTERVALS as INTERVALS
from voxdag.tasks.emotion.metrics import PREDICTIONS as PREDICTIONS

HIGHER = frozenset({"uar", "war", "macro_f1"})  # the metrics of which the higher value is the better

Predictions = Mapping[str, pd.DataFrame]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]


def headline(predictions: Predictions, tables: Tables) -> dict[str, float | None]:
    """The seven numbers that stand for a system: its metrics on eval, and the UAR on dev that it was chosen by, means
    over its members.

    Raises Refused as `metrics.headline` does, or if dev has another protocol than eval.
    """
    prefix = protocol.prefix(*predictions.values())
    dev = metrics.headline(predictions["dev"])
    values = metrics.headline(predictions["eval"]) | {"dev_uar": dev["uar"]}
    return {f"{prefix}{metric}": value for metric, value in values.items()}


def intervals(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval with their intervals, by utterance and by speaker."""
    return metrics.intervals(predictions["eval"], scoring, seed)


def breakdown(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval class by class and group by group."""
    return metrics.breakdown(predictions["eval"], scoring.by, scoring, seed)


def member_values(predictions: Predictions, tables: Tables) -> pd.DataFrame:
    """The metrics of each member on eval."""
    return metrics.member_values(predictions["eval"])


def statistic(predictions: Predictions, tables: Tables) -> Members:
    """What scores the members on eval under any resampling."""
    return metrics.statistic(predictions["eval"])
