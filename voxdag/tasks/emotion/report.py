"""What the stages ask of this task's metrics: `predictions` holds dev and eval, by split; of `tables` it needs none."""

from collections.abc import Mapping

import pandas as pd

from voxdag.tasks.emotion import metrics
from voxdag.tasks.emotion.metrics import Scoring

Tables = Mapping[str, Mapping[str, pd.DataFrame]]


def headline(predictions: Mapping[str, pd.DataFrame], tables: Tables) -> dict[str, float | None]:
    """The seven numbers that stand for a system: its metrics on eval, and the UAR on dev that it was chosen by.

    Raises Refused as `metrics.headline` does, or if dev has another protocol than eval.
    """
    protocol = metrics.protocol(pd.concat([table[["protocol"]] for table in predictions.values()]))
    dev = metrics.headline(predictions["dev"])
    values = metrics.headline(predictions["eval"]) | {"dev_uar": dev["uar"]}
    return {f"{metrics.PREFIXES[protocol]}{metric}": value for metric, value in values.items()}


def intervals(predictions: Mapping[str, pd.DataFrame], tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval with their intervals, by utterance and by speaker."""
    return metrics.intervals(predictions["eval"], scoring, seed)


def breakdown(predictions: Mapping[str, pd.DataFrame], tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval class by class and group by group."""
    return metrics.breakdown(predictions["eval"], scoring.by, scoring, seed)
