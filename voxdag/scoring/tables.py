"""The tables of metrics that all tasks write: intervals, values of members, and the breakdown by groups.

Every value is a mean over members (`members`); what a task says of its own is in `Measures`. An undefined metric is
missing, beside the counts that say why.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.core.progress import track
from voxdag.data.members import Member
from voxdag.scoring import members
from voxdag.scoring.intervals import Interval
from voxdag.scoring.intervals import check as check_replicates
from voxdag.scoring.members import Members, Shares, Statistics, no_shares

ENDS = Interval._fields
NO_INTERVAL = (None, None)
MOST_REPLICATES = 1_000_000  # more would take days, and move no digit that is written
CONFIDENCE = (0.5, 0.9999)
OPTIMISED = "optimised_"  # stands before a metric that had a part in training or in the choice of weights

logger = logging.getLogger(__name__)

Prepare = Callable[[Member, pd.DataFrame], Statistics]  # of the rows of one member
ScoreGroup = Callable[[str, str, pd.DataFrame, np.random.Generator], dict]  # column, value, rows, stream -> metrics


@dataclass(frozen=True)
class Scoring:
    """How intervals are made, what the breakdown groups by, and which differences are too small to matter.

    replicates  bootstrap replicates
    confidence  of the intervals, a fraction
    by          columns of the predictions, and what else the task says
    margins     metric -> equivalence margin in the metric's unit, see `verdicts`; a metric may have none

    Raises Refused as `intervals.check` does, and for a margin that is no finite number of 0 or more.
    """

    replicates: int
    confidence: float
    by: tuple[str, ...]
    margins: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_replicates(self.replicates, self.confidence)
        bounds.distinct(self, "by")
        object.__setattr__(self, "margins", {name: _margin(name, value) for name, value in self.margins.items()})


def _margin(name: str, value: Any) -> float:
    """A margin as params.yaml holds it: a number, or a numeral in a string (see `params.bind`)."""
    try:
        margin = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        margin = math.nan
    if not 0 <= margin < math.inf:
        raise Refused(f"margins.{name} is {value!r}, expected a finite number of 0 or more")
    return margin


@dataclass(frozen=True)
class Measures:
    """What a task's tables are about.

    metrics  names, in the order of the tables
    counts   column -> the label whose utterances it counts, or None: all
    stream   names the stream that the intervals of the means are drawn from
    """

    metrics: tuple[str, ...]
    counts: Mapping[str, str | None]
    stream: tuple[object, ...] = ()

    def count(self, rows: pd.DataFrame) -> dict[str, int]:
        """The utterances behind a row of a table, each once however many members scored it."""
        chosen = {name: rows if label is None else rows[rows["label"] == label] for name, label in self.counts.items()}
        return {name: some["id"].nunique() for name, some in chosen.items()}


def scored(
    rows: Mapping[Member, pd.DataFrame],
    prepare: Prepare,
    classes: str | None = None,
    group: str | None = None,
    shares: Shares = no_shares,
) -> Members:
    """The members, each prepared once.

    classes, shares   see `Members`
    group    the name of the group that the rows are of: a member that `prepare` refuses has no metrics there, which is
             logged. Without it all members must have them.

    Raises Refused as `prepare` does, naming the member where it has a name.
    """
    scorers = {}
    for member, table in rows.items():
        try:
            scorers[member] = prepare(member, table)
        except Refused as reason:
            if group is None:
                raise Refused(": ".join(filter(None, (member.title, str(reason))))) from reason
            logger.warning("%s has no metrics: %s", ", ".join(filter(None, (group, member.title))), reason)
    return Members(rows, scorers, classes, shares)


def headline(scores: Members, metrics: Sequence[str], spread: str) -> dict[str, float | None]:
    """The means over members, and the standard deviation of the metric `spread` over members: None where undefined."""
    means, sd = scores.mean(), scores.sd().get(spread, np.nan)
    values = {metric: means.get(metric, np.nan) for metric in metrics} | {f"{spread}_sd": sd}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def intervals(scores: Members, measures: Measures, prefix: str, scoring: Scoring, seed: int) -> pd.DataFrame:
    """Every metric with its bootstrap intervals: the mean over members, then each member where there are several.

    prefix: before the names of metrics, see `protocol`.

    Columns: those of `interval_types`. fold and seed are missing in the rows of the mean over members, sd (over
    members) in those of one member; `members` defined the metric. By speaker, low and high are missing unless every
    row has a speaker and there are at least two.
    """
    rows = _interval_rows(scores, Member(), measures, measures.stream, scoring, seed)
    for member in scores.rows if len(scores) > 1 else ():
        rows += _interval_rows(scores.alone(member), member, measures, _stream(member), scoring, seed)
    table = typed(rows, interval_types(measures))
    return table.assign(metric=prefix + table["metric"])


def _stream(member: Member) -> tuple[str | int | None, ...]:
    """What names a member's stream: the fold, None where there is none, and the seed where there is one."""
    return member.fold or None, *((member.seed,) if member.seed is not None else ())


def _interval_rows(
    scores: Members, member: Member, measures: Measures, stream: tuple, scoring: Scoring, seed: int
) -> list[dict]:
    values, sd, defined = scores.mean(), scores.sd(), scores.defined()
    counts, rows = measures.count(pd.concat(scores.rows.values())), []
    for by in members.CLUSTERS:
        rng = streams.generator(seed, "intervals", by, *stream)
        bounds = scores.intervals(by, rng, scoring.replicates, scoring.confidence)
        for metric in measures.metrics:
            row = {"metric": metric, **member.marks, "value": values.get(metric), "sd": sd.get(metric)}
            row |= dict(zip(ENDS, bounds.get(metric, NO_INTERVAL), strict=True))
            row |= {"resampled_by": by, "replicates": scoring.replicates, "members": defined.get(metric, 0)}
            rows.append(row | counts)
    return rows


def interval_types(measures: Measures) -> dict[str, type]:
    """The columns of `intervals` and what is in them."""
    types = {"metric": str, "fold": str, "seed": int, "value": float, "sd": float, **dict.fromkeys(ENDS, float)}
    types |= {"resampled_by": str, "replicates": int, "members": int}
    return types | dict.fromkeys(measures.counts, int)


def member_values(scores: Members, measures: Measures, prefix: str) -> pd.DataFrame:
    """Every metric of every member. Columns: metric (with `prefix`), fold, seed, value."""
    rows = [
        {"metric": f"{prefix}{metric}", **member.marks, "value": values.get(metric)}
        for member, values in scores.values.items()
        for metric in measures.metrics
    ]
    return typed(rows, {"metric": str, "fold": str, "seed": int, "value": float})


def breakdown(
    predictions: pd.DataFrame, by: Sequence[str], score: ScoreGroup, seed: int, shared: bool = False
) -> list[dict]:
    """The rows of every group of every column in `by`: column, value (text), and what `score` says of the group.

    shared: see `groups`. A table without folds or seeds has no groups by them.
    """
    rows = []
    for column in by:
        if column in members.COLUMNS and column not in predictions:
            continue
        for value, group in track([*groups(predictions, column, shared)], f"by {column}"):
            rng = streams.generator(seed, "breakdown", column, value)
            rows.append({"column": column, "value": value, **score(column, value, group, rng)})
    return rows


def groups(predictions: pd.DataFrame, column: str, shared: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each value of a column, numbers in their order, text in its own; the values as text.

    shared: rows without a value (missing or empty) are in every group, otherwise in none.
    """
    values = predictions[column]
    values = values.mask(values.isna() | (values == ""))
    numeric = is_numeric_dtype(values) and not is_bool_dtype(values)
    names = values if numeric else values.map(str, na_action="ignore")
    rest = names.isna() if shared else False
    for value in sorted(names.dropna().unique()):
        name = np.format_float_positional(value, trim="-") if numeric else value
        yield name, predictions[rest | (names == value)]


def group_metrics(
    scores: Members, metrics: Sequence[str], scoring: Scoring, rng: np.random.Generator
) -> dict[str, float | None]:
    """members (that define one of the metrics), and each metric with its ends, resampled by utterance."""
    bounds = scores.intervals("utterance", rng, scoring.replicates, scoring.confidence) if len(scores) else {}
    count: dict[str, float | None] = {"members": defining(scores, metrics)}
    return count | with_ends({name: name for name in metrics}, scores.mean(), bounds)


def defining(scores: Members, metrics: Sequence[str]) -> int:
    """How many members define at least one of the metrics."""
    return sum(any(pd.notna(values.get(metric)) for metric in metrics) for values in scores.values.values())


def with_ends(
    names: Mapping[str, str], values: Mapping[str, float], bounds: Mapping[str, Interval]
) -> dict[str, float | None]:
    """Value, low and high of each metric: metric, metric_low, metric_high, looked up under its name."""
    row: dict[str, float | None] = {}
    for metric, name in names.items():
        ends = bounds.get(name, NO_INTERVAL)
        row |= {metric: values.get(name)} | dict(zip((f"{metric}_{end}" for end in ENDS), ends, strict=True))
    return row


def columns_with_ends(metrics: Sequence[str]) -> list[str]:
    """The names that `with_ends` gives."""
    return [name for metric in metrics for name in (metric, *(f"{metric}_{end}" for end in ENDS))]


def breakdown_types(measures: Measures, metrics: Sequence[str], others: Mapping[str, type]) -> dict[str, type]:
    """The columns of a breakdown: protocol, column, value, members, counts, `others`, then metrics with their ends."""
    types = {"protocol": str, "column": str, "value": str, "members": int, **dict.fromkeys(measures.counts, int)}
    return types | dict(others) | dict.fromkeys(columns_with_ends(metrics), float)


def typed(rows: list[dict], types: Mapping[str, type]) -> pd.DataFrame:
    """The rows as a table of these columns, each of its type; what a row lacks is missing."""
    table = pd.DataFrame(rows, columns=list(types))
    kinds = {name: object if kind is str else kind for name, kind in types.items()}
    return table.astype(kinds | ({"seed": "Int64"} if "seed" in kinds else {}))  # whole numbers, some missing


def check(
    predictions: pd.DataFrame, needed: Sequence[str], labels: Mapping[str, Sequence[str]], numbers: Sequence[str]
) -> None:
    """Refuse predictions that cannot be scored.

    needed   columns, beside id, those of `labels` and `numbers`; folds and seeds need none
    labels   column -> the values that it may hold
    numbers  columns of finite numbers

    Raises Refused for a missing column, no row, another label, a number that is not finite, or an utterance that
    stands twice in one member, naming the first.
    """
    wanted = dict.fromkeys(("id", *labels, *numbers, *(name for name in needed if name not in members.COLUMNS)))
    missing = [name for name in wanted if name not in predictions]
    if missing:
        raise Refused(f"predictions have no column {', '.join(missing)}; they have {', '.join(predictions)}")
    if predictions.empty:
        raise Refused("predictions have no rows: expected one per utterance, fold and seed")
    for column, known in labels.items():
        _refuse(predictions, ~predictions[column].isin(known).to_numpy(), [column], f"none of {', '.join(known)}")
    broken = ~np.isfinite(predictions[list(numbers)].to_numpy(float)).all(axis=1)
    _refuse(predictions, broken, numbers, "not finite")
    key = [name for name in members.COLUMNS if name in predictions]
    again = predictions.duplicated(["id", *key]).to_numpy()
    _refuse(predictions, again, key, "of an utterance that its fold and seed already have")


def _refuse(predictions: pd.DataFrame, broken: np.ndarray, columns: Sequence[str], reason: str) -> None:
    if broken.any():
        first = predictions[broken].iloc[0]
        shown = " has " * bool(columns) + ", ".join(f"{name} {first[name]}" for name in columns)
        raise Refused(f"{broken.sum()} of {len(predictions)} predictions are {reason}: utterance {first['id']}{shown}")
