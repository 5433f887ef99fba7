"""Paired differences: is one system of a task better than another on the same utterances, beyond chance?

The difference is that of the means over members. A bootstrap replicate draws speakers, the same for both systems, so
that what makes a speaker hard for both cancels out, and the seeds of each system that has several, so that a lucky
training is not taken for a better system. Systems with the same seeds share the draw of seeds.
Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13; M. Bisani, H. Ney, "Bootstrap
estimates for confidence intervals in ASR performance evaluation", ICASSP 2004 (paired draws, probability that the sign
flips).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.scoring import protocol
from voxdag.scoring.intervals import draws, percentiles
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring, typed

COLUMNS = {
    **{"system_a": str, "system_b": str, "metric": str, "difference": float, "low": float, "high": float, "p": float},
    **{"resampled": str, "replicates": int, "utterances": int, "speakers": int, "members_a": int, "members_b": int},
}

logger = logging.getLogger(__name__)

Splits = Mapping[str, pd.DataFrame]  # predictions by split
Tables = Mapping[str, Mapping[str, pd.DataFrame]]  # the task's other tables by split


class Common(NamedTuple):
    """Two systems' predictions with what one of them lacks missing in both, and metric -> utterances that are left.

    Predictions of which nothing goes are the same objects.
    """

    a: Splits
    b: Splits
    utterances: Mapping[str, int]


class Resampled(NamedTuple):
    """A system's means over members: of eval itself (value), of each replicate (drawn); and the seeds there are."""

    members: Members
    value: dict[str, float]
    drawn: pd.DataFrame
    seeds: tuple[int, ...]


def pairs(
    systems: Mapping[str, Splits],
    tables: Tables,
    statistic: Callable[[Splits, Tables], Members],
    scoring: Scoring,
    seed: int,
    common: Callable[[Splits, Splits], Common] | None = None,
) -> pd.DataFrame:
    """The difference (a - b) of every metric between every two systems of a task and protocol, with its interval.

    systems    name -> predictions
    statistic  of the task's report: what scores the members on eval
    common     of the task's report, where an utterance may have no value of a metric: what both systems have

    Columns: those of COLUMNS. p is two-sided: twice the share of replicates in which the sign flips. low, high and p
    are missing of a metric that is not resampled or whose difference no replicate changes, and of all unless every
    utterance has a speaker and there are at least two.
    `replicates` are those that define the metric for both systems, `utterances` those that have it in both. `resampled`
    says what was drawn.

    Systems of different protocols are not compared, which is logged.

    Raises Refused for systems of one protocol with different eval utterances, or as `statistic` does.
    """
    by_protocol: dict[str, dict[str, Splits]] = {}
    for name, splits in systems.items():
        by_protocol.setdefault(protocol.of(splits["eval"]), {})[name] = splits
    if len(by_protocol) > 1:
        found = "; ".join(f"{', '.join(named)} {kind}" for kind, named in by_protocol.items())
        logger.warning("systems of different protocols are not compared: %s", found)

    def scored(splits: Splits) -> Members:
        return statistic(splits, tables)

    rows = (_rows(named, scored, common, protocol.PREFIXES[kind], scoring, seed) for kind, named in by_protocol.items())
    return typed(list(itertools.chain.from_iterable(rows)), COLUMNS)


def _rows(
    systems: Mapping[str, Splits],
    scored: Callable[[Splits], Members],
    common: Callable[[Splits, Splits], Common] | None,
    prefix: str,
    scoring: Scoring,
    seed: int,
) -> Iterator[dict]:
    """The rows of all pairs of systems of one protocol."""
    scores, first = {name: scored(splits) for name, splits in systems.items()}, next(iter(systems))
    for name in scores:
        _check_utterances(first, scores[first], name, scores[name])
    speakers, every = _speakers(scores[first]), len(_utterances(scores[first]))
    whole = {name: _resample(members, speakers, scoring, seed) for name, members in scores.items()}
    for names in itertools.combinations(systems, 2):
        a, b = (whole[name] for name in names)
        left: Mapping[str, int] = {}
        if common is not None:
            *parts, left = common(*(systems[name] for name in names))
            a, b = (
                whole[name] if part is systems[name] else _resample(scored(part), speakers, scoring, seed)
                for name, part in zip(names, parts, strict=True)
            )
        for row in compare(a, b, speakers, scoring):
            about: dict[str, Any] = dict(zip(("system_a", "system_b"), names, strict=True))
            about |= {"metric": f"{prefix}{row['metric']}", "utterances": left.get(row["metric"], every)}
            yield row | about


def compare(a: Resampled, b: Resampled, speakers: list[str], scoring: Scoring) -> Iterator[dict]:
    """The rows of one pair: one for each metric that a system of the two has."""
    for metric in dict.fromkeys([*a.value, *b.value]):
        difference = a.value.get(metric, np.nan) - b.value.get(metric, np.nan)
        drawn = (_column(a.drawn, metric) - _column(b.drawn, metric)).to_numpy(float)
        drawn = drawn[np.isfinite(drawn)]
        row = {"metric": metric, "difference": difference, "replicates": drawn.size}
        if drawn.size:
            low, high = percentiles(drawn, scoring.confidence)
            p = sign_flips(drawn) if np.isfinite(low) else np.nan
            row |= {"low": low, "high": high, "p": p, "resampled": _what_was_drawn(a.seeds, b.seeds)}
        yield row | {"speakers": len(speakers), "members_a": len(a.members), "members_b": len(b.members)}


def sign_flips(drawn: np.ndarray) -> float:
    """Two-sided p of drawn differences (R,): 2 (1 + the rarer sign's number, zeros in both) / (1 + R), at most 1.

    The ones keep p above 0, which no finite number of replicates shows (Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, equation 4.11).
    """
    rarer = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return min(1.0, 2 * (1 + rarer) / (1 + drawn.size))


def _column(drawn: pd.DataFrame, metric: str) -> pd.Series:
    return drawn[metric] if metric in drawn else pd.Series(np.nan, drawn.index)


def _what_was_drawn(seeds_a: tuple[int, ...], seeds_b: tuple[int, ...]) -> str:
    if len(seeds_a) > 1 and seeds_a == seeds_b:
        return "speakers, seeds jointly"
    several = [name for name, seeds in (("a", seeds_a), ("b", seeds_b)) if len(seeds) > 1]
    return "speakers" + f", seeds of {' and '.join(several)}" * bool(several)


def _resample(members: Members, speakers: list[str], scoring: Scoring, seed: int) -> Resampled:
    seeds = tuple(sorted({member.seed for member in members.rows if member.seed is not None}))
    replicates = _replicates(members, speakers, seeds, scoring.replicates, seed) if len(speakers) > 1 else ()
    return Resampled(members, members.mean(), pd.DataFrame(replicates, columns=members.metrics), seeds)


def _replicates(
    members: Members, speakers: list[str], seeds: tuple[int, ...], replicates: int, seed: int
) -> Iterator[dict[str, float]]:
    """The means over members of each replicate. What draws the speakers is one stream for all systems, and what draws
    the seeds one for all that have the same."""
    speaker = pd.Index(speakers).get_indexer(members.column("speaker"))  # (N,)
    of_seeds = streams.generator(seed, "pairs", "seeds", *seeds)
    for counts in draws(np.zeros(len(speakers)), streams.generator(seed, "pairs", "speakers"), replicates):
        yield members.mean(counts[speaker], _times(members, seeds, of_seeds))


def _times(members: Members, seeds: tuple[int, ...], rng: np.random.Generator) -> np.ndarray | None:
    """How often each member's seed is drawn (members,); None where there is nothing to draw from."""
    if len(seeds) < 2:
        return None
    times = np.bincount(rng.integers(len(seeds), size=len(seeds)), minlength=len(seeds))
    return times[[seeds.index(member.seed) for member in members.rows]]


def _speakers(members: Members) -> list[str]:
    """The speakers of eval, sorted; none if an utterance has no speaker."""
    names = members.column("speaker")
    return [] if names is None else sorted(names.unique())


def _check_utterances(name_a: str, a: Members, name_b: str, b: Members) -> None:
    """Raises Refused where two systems do not score the same utterances of the same speakers and labels."""
    about_a, about_b = (_utterances(members) for members in (a, b))
    if about_a != about_b:
        other = sorted(about_a ^ about_b)
        raise Refused(
            f"{name_a} scores {len(about_a)} utterances of eval and {name_b} {len(about_b)}, {len(about_a & about_b)} "
            f"of them alike in id, speaker and label; one that is not is {other[0][0]}"
        )


def _utterances(members: Members) -> set[tuple[str, str, str]]:
    tables = [
        rows.reindex(columns=["id", "speaker", "label"]).astype(object).fillna("") for rows in members.rows.values()
    ]
    return set(pd.concat(tables).astype(str).itertuples(index=False, name=None))
