"""The members of a table of predictions, and the mean of a metric over them.

The table says in its columns `fold` (text) and `seed` (whole number) which member a row is of. Both may be
absent or empty: the table of a fixed split has no folds, a published score file neither; then all rows are of one
member. Every utterance stands once in each member whose fold has it.

Scores of two members are not on one scale, so a metric is never that of their scores pooled: it is the mean of the
members' metrics. A metric that a member does not define is not in the mean, and `defined` counts who is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data.members import COLUMNS, Member
from voxdag.scoring.intervals import Interval, bootstrap, exact

CLUSTERS = {"utterance": "id", "speaker": "speaker"}  # what is resampled -> the column that names it

Statistics = Callable[[np.ndarray | None], Mapping[str, float]]  # of the set in which row i stands counts[i] times
Shares = Callable[[str, pd.DataFrame], Sequence[np.ndarray]]  # of a metric, in rows (N,): sets of them as masks (N,)


def no_shares(metric: str, rows: pd.DataFrame) -> Sequence[np.ndarray]:
    """No metric is a share of rows."""
    return ()


def split(predictions: pd.DataFrame) -> dict[Member, pd.DataFrame]:
    """The rows of each member, in the table's order; folds in the order of 1, 2, 10, then seeds.

    Raises Refused if some rows have a fold or a seed and others have none.
    """
    present = [column for column in COLUMNS if column in predictions]
    if not present:
        return {Member(): predictions}
    code = predictions.groupby(present, dropna=False, sort=False).ngroup().to_numpy()
    firsts = predictions[present].iloc[np.unique(code, return_index=True)[1]]
    codes: dict[Member, list[int]] = {}
    for number, row in enumerate(firsts.itertuples(index=False)):
        codes.setdefault(_member(row._asdict()), []).append(number)  # no fold may be written as "" and as NaN
    for column in present:
        _check_whole(column, [member.marks.get(column) for member in codes])
    ordered = sorted(codes, key=lambda member: (len(member.fold), member))
    return {member: predictions[np.isin(code, codes[member])] for member in ordered}


def _member(row: Mapping[str, Any]) -> Member:
    kinds = dict(zip(COLUMNS, (str, int), strict=True))
    return Member(**{name: kinds[name](value) for name, value in row.items() if pd.notna(value) and value != ""})


def _check_whole(column: str, values: Sequence[str | int | None]) -> None:
    named = [str(value) for value in dict.fromkeys(values) if value is not None]
    if named and None in values:
        raise Refused(f"some predictions have no {column}, others have {', '.join(named)}: expected all or none")


class Members:
    """What scores each member of a table, and the means over them under any number of resamplings.

    rows      of each member, with the columns id and, if known, speaker
    scorers   of each member that can be scored: its statistics under counts of its rows, or, called with None, of the
              rows themselves. A statistic without a value is NaN, None or not there. One that has a value for the rows
              but not for a resampling of them gets no interval.
    classes   a column of `rows`: a draw that leaves every member without one of its classes is drawn again
    shares    of a metric that is a share of rows, or a mean of such shares: the set of rows that each is of; of another
              metric nothing. Where no row counts, or all do, the interval is that of the smallest set: what bounds each
              share bounds their mean
    """

    def __init__(
        self,
        rows: Mapping[Member, pd.DataFrame],
        scorers: Mapping[Member, Statistics],
        classes: str | None = None,
        shares: Shares = no_shares,
    ) -> None:
        self.scorers = {member: scorers[member] for member in rows if member in scorers}
        self.rows = {member: rows[member] for member in self.scorers}
        self.classes, self.shares = classes, shares
        self.sizes = np.array([len(table) for table in self.rows.values()])
        self._slices = [slice(end - size, end) for end, size in zip(np.cumsum(self.sizes), self.sizes, strict=True)]
        self.values = {member: scorer(None) for member, scorer in self.scorers.items()}
        self.metrics = list(dict.fromkeys(metric for values in self.values.values() for metric in values))
        self._table = self._matrix(list(self.values.values()))  # (members, metrics)

    def __len__(self) -> int:
        return len(self.scorers)

    def alone(self, member: Member) -> Members:
        """One of the members."""
        return Members({member: self.rows[member]}, {member: self.scorers[member]}, self.classes, self.shares)

    def column(self, name: str) -> pd.Series | None:
        """A column of the rows of all members, one member after the other; None if a row has no value in it."""
        if not len(self) or any(name not in table or table[name].isna().any() for table in self.rows.values()):
            return None
        return pd.concat([table[name] for table in self.rows.values()], ignore_index=True)

    def mean(self, counts: np.ndarray | None = None, times: np.ndarray | None = None) -> dict[str, float]:
        """The mean of each metric over the members that define it, NaN of none.

        In the rows themselves all members weigh the same. In a resampling, in which row i stands counts[i] times, a
        member weighs as many times as its rows were drawn on the average: one whose only speaker is drawn twice counts
        twice, one whose speakers are not drawn is left out.

        times: how often each member was drawn (members,), where members are drawn too.
        """
        if counts is None:
            return self._average(self._table, np.ones(len(self)), times)
        drawn = [counts[rows] for rows in self._slices]
        weights = np.array([count.sum() for count in drawn]) / self.sizes
        values = [
            scorer(count) if weight else {}
            for scorer, count, weight in zip(self.scorers.values(), drawn, weights, strict=True)
        ]
        return self._average(self._matrix(values), weights, times)

    def _matrix(self, values: list[Mapping[str, float]]) -> np.ndarray:
        rows = [[of_member.get(name, np.nan) for name in self.metrics] for of_member in values]
        return np.array(rows, dtype=float).reshape(len(values), len(self.metrics))

    def _average(self, values: np.ndarray, weights: np.ndarray, times: np.ndarray | None) -> dict[str, float]:
        defined = np.isfinite(values)
        weights = defined * (weights if times is None else weights * times)[:, None]
        sums, total = (np.where(defined, values, 0.0) * weights).sum(axis=0), weights.sum(axis=0)
        means = np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)
        return dict(zip(self.metrics, means.tolist(), strict=True))

    def sd(self) -> dict[str, float]:
        """The standard deviation (n - 1) of each metric over the members that define it, NaN of fewer than two."""
        columns = ((name, self._table[:, i]) for i, name in enumerate(self.metrics))
        defined = {name: values[np.isfinite(values)] for name, values in columns}
        return {name: float(np.std(values, ddof=1)) if values.size > 1 else np.nan for name, values in defined.items()}

    def defined(self) -> dict[str, int]:
        """How many members define each metric."""
        return dict(zip(self.metrics, np.isfinite(self._table).sum(axis=0).tolist(), strict=True))

    def intervals(self, by: str, rng: np.random.Generator, replicates: int, confidence: float) -> dict[str, Interval]:
        """Bootstrap intervals of the means that every replicate defines; all rows of one cluster are drawn together.
        Means that no replicate changes have the exact interval that `shares` gives them, or none.

        by: a key of CLUSTERS. Utterances are drawn in the order in which they first stand, speakers in that of their
        names. There is no interval unless every row names its cluster and there are two or more.
        """
        names = self.column(CLUSTERS[by])
        if names is None or names.nunique() < 2:
            return {}
        clusters = pd.factorize(names, sort=by == "speaker")[0] if names.duplicated().any() else None
        classes = np.zeros(len(names)) if self.classes is None else self.column(self.classes).to_numpy(str)  # type: ignore[union-attr]
        members = np.repeat(np.arange(len(self)), self.sizes)
        drawn = bootstrap(self.mean, classes, rng, replicates, confidence, clusters, members)
        spread = {metric: interval for metric, interval in drawn.items() if np.isfinite(interval).all()}
        return self._exact(names.to_numpy(), confidence) | spread

    def _exact(self, clusters: np.ndarray, confidence: float) -> dict[str, Interval]:
        """Exact intervals of the means that are 0 or 1. The rows of a cluster are alike, and count as one trial."""
        rows = pd.concat(self.rows.values(), ignore_index=True)
        found: dict[str, Interval] = {}
        for metric, value in self.mean().items():
            trials = [np.unique(clusters[mask]).size for mask in self.shares(metric, rows)]
            interval = exact(value, min(trials), confidence) if trials and min(trials) > 0 else None
            found |= {metric: interval} if interval else {}
        return found
