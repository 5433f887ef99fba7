"""Metrics of enhanced speech, from predictions: what they are called, their means, and which were optimised.

predictions: one row per utterance and member: id, fold and seed (see `scoring.members`), protocol, speaker, whatever
    else the breakdown groups by, a column for each of METRICS, missing where it is undefined, and `optimised`: the
    metrics, apart by spaces, that had a part in training or in the choice of these weights.

A metric that had a part in either is no judge, nor is one that follows it (see `marks`): it is printed as
optimised_<metric>.

The metric of a member is the mean over the utterances that define it (a finite number). How many do not is counted in
`undefined`: where it is not 0, the means of two systems are not over the same utterances. Their differences are, by
`common`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring import members, protocol
from voxdag.scoring import tables as metric_tables
from voxdag.scoring.paired import Common
from voxdag.scoring.tables import Scoring
from voxdag.tasks.enhance.marks import with_parts
from voxdag.tasks.enhance.names import METRICS, OPTIMISED
from voxdag.tasks.enhance.names import OF_JUDGES as OF_JUDGES
from voxdag.tasks.enhance.names import OF_PAIRS as OF_PAIRS
from voxdag.tasks.reports import MemberReport

LOWER_IS_BETTER = frozenset({"llr", "wss"})
PREFIX = metric_tables.OPTIMISED
# What stands for a system: the first SHOWN of these that were not optimised. The composites are undefined of what is
# digital silence in the pauses (RNNoise: 13 of 25 recordings), so they come last.
HEADLINE = ("estoi", "si_sdr", "dnsmos_ovrl", "pesq", "stoi", "dnsmos_sig", "dnsmos_bak", "ssnr", "pesq_nb", "covl")
SHOWN = 6
DEV = "pesq"  # whose mean on dev the headline has
PREDICTIONS = dict.fromkeys(METRICS, float)
PRINTED = (*METRICS, *(f"{PREFIX}{metric}" for metric in METRICS))
HIGHER = frozenset(name for name in PRINTED if name.removeprefix(PREFIX) not in LOWER_IS_BETTER)


def optimised(*predictions: pd.DataFrame) -> tuple[str, ...]:
    """The metrics that were optimised, by the column of predictions; none where there is no such column.

    Raises Refused where rows differ in it, or as `marks.with_parts` does.
    """
    columns = [table[OPTIMISED].astype(object).fillna("") for table in predictions if OPTIMISED in table]
    found = sorted({text for column in columns for text in column.unique()})
    if len(found) > 1:
        raise Refused(f"predictions were optimised for {' and for '.join(map(repr, found))}: expected the same in all")
    return with_parts(found[0].split()) if found else ()


def printed(metrics: Iterable[str], of_optimised: Collection[str]) -> dict[str, str]:
    """The names that metrics have in results."""
    return {metric: f"{PREFIX}{metric}" if metric in of_optimised else metric for metric in metrics}


class Means:
    """The metrics of one member: the mean of each over the utterances that define it."""

    def __init__(self, predictions: pd.DataFrame) -> None:
        self.names = list(printed(METRICS, optimised(predictions)).values())
        self.defined = ~_lacking(predictions).to_numpy()  # (N, metrics)
        self.values = np.where(self.defined, predictions[list(METRICS)].to_numpy(float), 0.0)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """By their printed names, of the set in which row i stands counts[i] times; NaN of no utterance."""
        weights = self.defined if counts is None else self.defined * counts[:, None]
        total, sums = weights.sum(axis=0), (self.values * weights).sum(axis=0)
        means = np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)
        return dict(zip(self.names, means.tolist(), strict=True))


def common(a: Mapping[str, pd.DataFrame], b: Mapping[str, pd.DataFrame]) -> Common:
    """What both of two systems have of eval: a metric that one lacks of an utterance, in any member, counts in none.

    Else a mean over all utterances would stand beside one over those that the other system made no harder.
    """
    names, tables = list(METRICS), [splits["eval"] for splits in (a, b)]
    lacking = [_lacking(table).groupby(table["id"]).any() for table in tables]
    either = lacking[0] | lacking[1]
    parts = []
    for splits, table in zip((a, b), tables, strict=True):
        masked = table[names].mask(either.loc[table["id"]].to_numpy())
        parts.append(splits if masked.equals(table[names]) else {**splits, "eval": table.assign(**masked)})
    left = (~either).sum().to_dict()
    printed_by_either = [printed(METRICS, optimised(table)) for table in tables]
    in_a, in_b = parts
    return Common(in_a, in_b, {name: left[metric] for called in printed_by_either for metric, name in called.items()})


def on_dev(predictions: pd.DataFrame) -> dict[str, float]:
    """What the headline has of dev, under its printed name."""
    name = printed([DEV], optimised(predictions))[DEV]
    return {name: Means(predictions)()[name]}


class Report:
    """The report of one system's predictions, by split. Optimised metrics have names of their own in it.

    Raises Refused as `tables.check` and `optimised` do.
    """

    def __init__(self, predictions: Mapping[str, pd.DataFrame]) -> None:
        for table in predictions.values():
            metric_tables.check(table, METRICS, {}, ())
        names = printed(METRICS, optimised(*predictions.values()))
        self.predictions = predictions
        self.prefix = protocol.prefix(predictions["eval"])
        self.shown = [metric for metric in HEADLINE if names[metric] == metric][:SHOWN]
        ordered = [*self.shown, *(name for name in names.values() if name not in self.shown)]
        self.of_house = MemberReport(ordered, Means, on_dev)

    def headline(self) -> dict[str, float | None]:
        """The first of HEADLINE that were not optimised, the spread over members of the very first, and what there is
        of dev: at most eight numbers."""
        values = self.of_house.headline(self.predictions, {})
        kept = {f"{self.prefix}{name}" for name in (*self.shown, f"{self.shown[0]}_sd")}
        return {name: value for name, value in values.items() if name in kept or name.startswith(f"{self.prefix}dev_")}

    def intervals(self, scoring: Scoring, seed: int) -> pd.DataFrame:
        """Those of the house, with how many values of a metric are undefined: of a mean, those of all its members."""
        table = self.of_house.intervals(self.predictions, {}, scoring, seed)
        counts = undefined(self.predictions["eval"])
        plain = [name.removeprefix(self.prefix).removeprefix(PREFIX) for name in table["metric"]]
        whose = [_whose(*row) for row in zip(table["fold"], table["seed"], strict=True)]
        return table.assign(undefined=[counts[member][metric] for member, metric in zip(whose, plain, strict=True)])


def undefined(predictions: pd.DataFrame) -> dict[tuple, dict[str, int]]:
    """member (fold, seed) -> metric -> how many of its values are undefined; under (None, None) of all members."""
    by_member = {_whose(member.fold, member.seed): rows for member, rows in members.split(predictions).items()}
    every = by_member | {(None, None): predictions}
    return {member: _lacking(rows).sum().to_dict() for member, rows in every.items()}


def _lacking(predictions: pd.DataFrame) -> pd.DataFrame:
    """Which values of METRICS are undefined: (N, metrics)."""
    return ~np.isfinite(predictions[list(METRICS)].astype(float))


def _whose(fold: Any, seed: Any) -> tuple[str | None, int | None]:
    return None if pd.isna(fold) or not fold else fold, None if pd.isna(seed) else int(seed)


INTERVALS = metric_tables.interval_types(metric_tables.Measures(METRICS, {"n": None})) | {"undefined": int}
BREAKDOWN = metric_tables.breakdown_types(metric_tables.Measures(PRINTED, {"n": None}), PRINTED, {})
