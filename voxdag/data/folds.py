"""Cross-validation: in which folds an utterance is in which split.

A table of utterances says so in its column `folds`, the names of the folds in which the row's utterance is in the row's
split, separated by spaces; an utterance has one row in each split that it is ever in. A table of a corpus with a fixed
split has no such column, and one fold, whose name is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from voxdag.core import streams
from voxdag.core.errors import Refused

COLUMN = "folds"
FIXED = ""  # the one fold of a fixed split
PROTOCOLS = ("speaker_independent", "leaky_random")
LEAKY = "leaky-"  # how the names of folds begin that mix speakers
SEED = 1  # of the random split: it shows a leak, and is no setting

Strata = Callable[[pd.DataFrame], pd.Series]  # a table of utterances -> the stratum, or a number, of each


@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation by speaker: who is in dev and who in eval; all others are in train."""

    name: str
    dev: frozenset[str]
    eval: frozenset[str]


def assign(trials: pd.DataFrame, folds: Sequence[Fold], unit: str = "speaker") -> pd.DataFrame:
    """One row per utterance and split, with `split` and `folds`.

    unit: the column that the folds' dev and eval sets name values of.
    """
    rows = []
    for split in ("train", "dev", "eval"):
        places = {value: _places(value, split, folds) for value in trials[unit].unique()}
        rows.append(trials.assign(split=split, folds=trials[unit].map(places)))
    table = pd.concat(rows, ignore_index=True)
    return table[table[COLUMN] != ""].reset_index(drop=True)


def chosen(folds: Sequence[Fold], name: str | int) -> tuple[Fold, ...]:
    """The fold called `name`, or every one for "all". Raises Refused with the names there are."""
    if name == "all":
        return tuple(folds)
    found = tuple(fold for fold in folds if fold.name == str(name))
    if not found:
        raise Refused(f"fold is {name!r}, expected all or one of {', '.join(fold.name for fold in folds)}")
    return found


def random(trials: pd.DataFrame, count: int, strata: Strata | None = None) -> tuple[Fold, ...]:
    """`count` folds over utterances drawn at random, stratum by stratum: every speaker is in train, dev and eval.

    What a model gains on it over folds by speaker is what it knows of the speakers, not of the classes. `strata` gives
    each utterance's stratum, or a number; without it, that is its label. Numbers are cut at quantiles. Of a stratum
    the folds have equal shares, to one utterance; of all utterances too, unless the strata are the labels' classes.
    """
    shuffled = trials.sample(frac=1, random_state=streams.generator(SEED, "random split"))
    group = _turns(shuffled, count, strata) % count
    members = [frozenset(shuffled["id"][group == k]) for k in range(count)]
    return tuple(Fold(f"{LEAKY}{k + 1}", dev=members[(k + 1) % count], eval=members[k]) for k in range(count))


def _turns(shuffled: pd.DataFrame, count: int, strata: Strata | None) -> pd.Series:
    """At which turn an utterance is dealt to a fold: stratum by stratum in the order of `shuffled`; per row."""
    labels = shuffled["label"] if "label" in shuffled else pd.Series("", shuffled.index)  # of a task without labels
    strata_of = labels if strata is None else strata(shuffled)
    if _are_numbers(strata_of):
        ranks = pd.to_numeric(strata_of).rank(method="first")
        strata_of = (ranks - 1) // count  # quantiles: each fold has one utterance of each
    elif strata is None:
        return shuffled.groupby(labels).cumcount()  # every class begins with the first fold
    order = strata_of.sort_values(kind="stable").index
    return pd.Series(range(len(order)), index=order).reindex(shuffled.index)


def names(table: pd.DataFrame) -> list[str]:
    """The folds of a table of utterances, in order."""
    if COLUMN not in table:
        return [FIXED]
    found = {name for cell in table[COLUMN].unique() for name in cell.split()}
    return sorted(found, key=lambda name: (len(name), name))


def of(table: pd.DataFrame, fold: str) -> pd.Series:
    """Which rows of a table of utterances belong to a fold: booleans."""
    if fold == FIXED and COLUMN not in table:
        return pd.Series(True, index=table.index)
    return table[COLUMN].map({cell: fold in cell.split() for cell in table[COLUMN].unique()}).astype(bool)


def describe(trials: pd.DataFrame, key: str) -> dict[str, dict]:
    """Fold by fold: utterances, speakers and labels of each split, and how many values of `key` splits share.

    Labels are counted class by class; of labels that are numbers: how many, their mean and their ends.

    Raises Refused, naming examples, where two splits of a fold share a value of `key`, but for folds that are there
    to show the leak.
    """
    return {fold or "fixed": _fold(trials[of(trials, fold)], fold, key) for fold in names(trials)}


def _fold(trials: pd.DataFrame, fold: str, key: str) -> dict:
    splits = {str(split): rows for split, rows in trials.groupby("split")}
    held = {split: set(rows[key]) for split, rows in splits.items()}
    shared = sorted({value for split in held for other in held if split < other for value in held[split] & held[other]})
    if shared and not fold.startswith(LEAKY):
        where = f"fold {fold}" if fold else "the split"
        raise Refused(
            f"{len(shared)} {key} values are in two splits of {where}, "
            f"such as {shared[0]}: {_example(trials, key, shared)}"
        )
    return {f"shared_{key}": len(shared), "splits": {split: _split(rows) for split, rows in splits.items()}}


def _split(rows: pd.DataFrame) -> dict:
    about = {"utterances": len(rows), "speakers": sorted(rows["speaker"].unique())}
    return about | ({"labels": _labels(rows["label"])} if "label" in rows else {})


def _labels(labels: pd.Series) -> dict[str, float]:
    if not _are_numbers(labels):
        return labels.value_counts().sort_index().to_dict()
    numbers = labels.dropna()
    return {"n": len(numbers), "mean": numbers.mean(), "min": numbers.min(), "max": numbers.max()}


def _are_numbers(values: pd.Series) -> bool:
    return is_numeric_dtype(values.infer_objects())


def _example(trials: pd.DataFrame, key: str, shared: Iterable[str]) -> str:
    rows = trials[trials[key] == next(iter(shared))].drop_duplicates("split")
    return ", ".join(f"{row.id} in {row.split}" for row in rows.itertuples())


def _places(value: str, split: str, folds: Sequence[Fold]) -> str:
    return " ".join(fold.name for fold in folds if _split_of(value, fold) == split)


def _split_of(value: str, fold: Fold) -> str:
    if value in fold.eval:
        return "eval"
    return "dev" if value in fold.dev else "train"
