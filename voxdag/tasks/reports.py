"""The report of a task whose metrics are functions of one member's predictions: all tables from one scorer.

A task's report module makes one and gives its methods their names:

    PREDICTIONS = {"predicted": float}
    HIGHER = frozenset({"ccc"})
    REPORT = MemberReport(("ccc",), Scorer, criteria)
    INTERVALS, BREAKDOWN = REPORT.interval_types, REPORT.breakdown_types
    headline, intervals, breakdown = REPORT.headline, REPORT.intervals, REPORT.breakdown
    member_values, statistic = REPORT.member_values, REPORT.statistic
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from voxdag.scoring import members, protocol
from voxdag.scoring import tables as metric_tables
from voxdag.scoring.members import Members, Statistics
from voxdag.scoring.tables import Measures, Scoring

Predictions = Mapping[str, pd.DataFrame]
Tables = Mapping[str, Mapping[str, pd.DataFrame]]
Criteria = Callable[[pd.DataFrame], Mapping[str, float | None]]  # of one member's rows


class MemberReport:
    """metrics   names, in the order of tables; the headline has the spread over members of the first
    scorer    a member's rows -> its metrics under counts of the rows, fractions or in units that their names say
    criteria  of which the headline has the first, on dev, mean over the members that define it

    All refuse predictions as `metric_tables.check` does.
    """

    def __init__(self, metrics: Sequence[str], scorer: Callable[[pd.DataFrame], Statistics], criteria: Criteria):
        self.measures = Measures(tuple(metrics), {"n": None})
        self.scorer, self.criteria = scorer, criteria
        self.interval_types = metric_tables.interval_types(self.measures)
        self.breakdown_types = metric_tables.breakdown_types(self.measures, self.measures.metrics, {})

    def statistic(self, predictions: Predictions, tables: Tables) -> Members:
        """What scores the members on eval under any resampling."""
        return self._scored(predictions["eval"])

    def headline(self, predictions: Predictions, tables: Tables) -> dict[str, float | None]:
        """The metrics on eval, the spread of the first, and the first dev criterion."""
        scores, metrics = self.statistic(predictions, tables), self.measures.metrics
        values = metric_tables.headline(scores, metrics, metrics[0]) | self._dev(predictions["dev"])
        prefix = protocol.prefix(*predictions.values())
        return {f"{prefix}{name}": value for name, value in values.items()}

    def intervals(self, predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
        """The metrics on eval with their intervals, by utterance and by speaker."""
        prefix = protocol.prefix(predictions["eval"])
        return metric_tables.intervals(self.statistic(predictions, tables), self.measures, prefix, scoring, seed)

    def breakdown(self, predictions: Predictions, tables: Tables, scoring: Scoring, seed: int) -> pd.DataFrame:
        """The metrics on eval group by group. Raises Refused for a column to group by that is not there."""
        metric_tables.check(predictions["eval"], scoring.by, {}, ())

        def of_group(column: str, value: str, rows: pd.DataFrame, rng: np.random.Generator) -> dict:
            scores = self._scored(rows, f"{column} {value}")
            counts = self.measures.count(rows)
            return counts | metric_tables.group_metrics(scores, self.measures.metrics, scoring, rng)

        rows = metric_tables.breakdown(predictions["eval"], scoring.by, of_group, seed)
        return metric_tables.typed(rows, self.breakdown_types).assign(protocol=protocol.of(predictions["eval"]))

    def member_values(self, predictions: Predictions, tables: Tables) -> pd.DataFrame:
        """The metrics of each member on eval."""
        prefix = protocol.prefix(predictions["eval"])
        return metric_tables.member_values(self.statistic(predictions, tables), self.measures, prefix)

    def _scored(self, rows: pd.DataFrame, group: str | None = None) -> Members:
        metric_tables.check(rows, (), {}, ())
        # sorted, so that what is drawn does not depend on the order of rows
        by_member = members.split(rows.sort_values("id", kind="stable"))
        return metric_tables.scored(by_member, lambda _, of_member: self.scorer(of_member), group=group)

    def _dev(self, rows: pd.DataFrame) -> dict[str, float | None]:
        metric_tables.check(rows, (), {}, ())
        criteria = [self.criteria(of_member) for of_member in members.split(rows).values()]
        first = next(iter(criteria[0]))
        values = [of_member[first] for of_member in criteria]
        defined = [value for value in values if value is not None and np.isfinite(value)]
        return {f"dev_{first}": float(np.mean(defined)) if defined else None}
