"""What the stages ask of this task's metrics: `predictions` and `tables` hold dev and eval, by split."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from voxdag.scoring import members, protocol
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring as Scoring
from voxdag.tasks.antispoof import metrics
from voxdag.tasks.antispoof.criteria import criteria, operating_point
from voxdag.tasks.antispoof.metrics import BREAKDOWN as BREAKDOWN
from voxdag.tasks.antispoof.metrics import INTERVALS as INTERVALS
from voxdag.tasks.antispoof.metrics import PREDICTIONS as PREDICTIONS

HIGHER = frozenset({"auc"})  # the metrics of which the higher value is the better

Predictions = Mapping[str, pd.DataFrame]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]


def headline(predictions: Predictions, tables: Tables) -> dict[str, float | None]:
    """The eight numbers that stand for a system: its metrics on eval, and the EER on dev that it was chosen by, means
    over its members.

    Raises Refused as `metrics.headline` does, or if dev has another protocol than eval.
    """
    prefix = protocol.prefix(*predictions.values())
    dev = np.mean([criteria(rows, None)["eer"] for rows in members.split(predictions["dev"]).values()])
    values = metrics.headline(predictions["eval"], _asv(tables)) | {"dev_eer": float(dev)}
    return {f"{prefix}{metric}": value for metric, value in values.items()}


def intervals(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval with their intervals, by utterance and by speaker."""
    return metrics.intervals(predictions["eval"], _asv(tables), scoring, seed, _maps(predictions))


def breakdown(predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval group by group, and the error rates of each member at the threshold of its EER on dev."""
    thresholds = {member: operating_point(rows) for member, rows in members.split(predictions["dev"]).items()}
    return metrics.breakdown(predictions["eval"], _asv(tables), scoring.by, scoring, seed, thresholds)


def member_values(predictions: Predictions, tables: Tables) -> pd.DataFrame:
    """The metrics of each member on eval."""
    return metrics.member_values(predictions["eval"], _asv(tables), _maps(predictions))


def statistic(predictions: Predictions, tables: Tables) -> Members:
    """What scores the members on eval under any resampling."""
    return metrics.statistic(predictions["eval"], _asv(tables), _maps(predictions))


def _maps(predictions: Predictions) -> metrics.MapsOf:
    return metrics.fitted_maps(predictions["dev"])


def _asv(tables: Tables) -> pd.DataFrame:
    return tables["eval"].get("asv", metrics.NO_ASV)
