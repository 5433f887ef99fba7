"""What the stages ask of this task's metrics: `predictions` and `tables` hold dev and eval, by split."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from voxdag.tasks.antispoof import metrics
from voxdag.tasks.antispoof.criteria import criteria, operating_point

Tables = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class Scoring:
    """replicates of the bootstrap, confidence (0..1) of its intervals, and the columns that the breakdown groups by."""

    replicates: int
    confidence: float
    by: tuple[str, ...]

    @property
    def bootstrap(self) -> metrics.Scoring:
        """How intervals are made."""
        return metrics.Scoring(self.replicates, self.confidence)


def headline(predictions: Mapping[str, pd.DataFrame], tables: Tables) -> dict[str, float | None]:
    """The eight numbers that stand for a system: its metrics on eval, and the EER on dev that it was chosen by."""
    dev = criteria(predictions["dev"], tables["dev"].get("asv"))
    return metrics.headline(predictions["eval"], _asv(tables, "eval")) | {"dev_eer": dev["eer"]}


def intervals(predictions: Mapping[str, pd.DataFrame], tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval with their intervals, by utterance and by speaker."""
    return metrics.intervals(predictions["eval"], _asv(tables, "eval"), scoring.bootstrap, seed)


def breakdown(predictions: Mapping[str, pd.DataFrame], tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics on eval group by group, and the error rates at the threshold that dev's EER gives."""
    threshold = operating_point(predictions["dev"])
    table, asv = predictions["eval"], _asv(tables, "eval")
    return metrics.breakdown(table, asv, scoring.by, scoring.bootstrap, seed, threshold)


def _asv(tables: Tables, split: str) -> pd.DataFrame:
    return tables[split].get("asv", metrics.NO_ASV)
