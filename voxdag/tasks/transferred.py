"""The matrix of a task's systems by the recordings that they were tested on, at what each froze on its own dev.

The stage `transfer` writes a table of cells for each entry of `transfers`; a system's own eval is one column more.
Systems of others, of which there are score files alone, have a table for each entry of `external`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.tasks import external, results

SECTION = "transfers"
OWN, WORST, MEAN = "own eval", "worst", "mean"  # columns beside the entries'
KEPT = ("system", "column", "metric", "value", "sd", "low", "high", "members")

log = logging.getLogger(__name__)


def cells(tree: Mapping[str, Any], task: str, module: ModuleType | None) -> pd.DataFrame:
    """Every cell, column by column: the mean over members with its interval by speaker; and of each system and metric
    the worst and the mean of the columns. No row without an entry of the task.

    module: the task's `transfer`; None where it has none.

    Raises Refused for entries of `external` that contradict one another (see `external.of_task`), and for a column
    that is called as one that is there anyway.
    """
    ours = [name for name in tree[SECTION] or () if params.transfer(tree, name).task == task]
    others = external.of_task(tree, task)
    if module is None or not (ours or others):
        return pd.DataFrame(columns=list(KEPT))
    places = {layout.transfers(task, name): name for name in ours}
    places |= {layout.external(task, name): entry.column or OWN for name, entry in others.items()}
    taken = [name for name in (*ours, *(entry.column for entry in others.values())) if name in (WORST, MEAN)]
    if taken:
        raise Refused(f"a column of the matrix is called {taken[0]}, as one that is made of all others")
    parts = [_own(tree, name, task, module) for name in params.of_task(tree, task, "systems")]
    for folder, column in places.items():
        parts.append(artifacts.read_table(folder / "cells.csv", {**module.COLUMNS}).assign(column=column))
    rows = pd.concat(parts, ignore_index=True)
    means = rows[(rows["resampled_by"] == results.BY) & rows["fold"].isna() & rows["seed"].isna()]
    _tell_of_trials(means, list(module.MEASURES.counts))
    return with_extremes(means[[*KEPT, *module.MEASURES.counts]], ours)


def with_extremes(table: pd.DataFrame, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The cells, and the columns WORST and MEAN of those named (none: of all but OWN), of systems that have a value in
    each of these where any system has one; of all metrics the lower is the better."""
    chosen = table[table["column"].isin(columns) if columns else table["column"] != OWN].dropna(subset="value")
    expected = chosen.groupby("metric")["column"].nunique()
    of_each = chosen.groupby(["system", "metric"], sort=False)["value"]
    whole = (of_each.count() == expected.reindex(of_each.count().index, level="metric")).rename("whole")
    ends = [of_each.agg(how)[whole].reset_index().assign(column=name) for name, how in ((WORST, "max"), (MEAN, "mean"))]
    return pd.concat([table, *ends], ignore_index=True)


def _tell_of_trials(table: pd.DataFrame, counts: list[str]) -> None:
    """A line for each column whose systems were tested on different numbers of trials."""
    for column, cells in table[table["column"] != OWN].groupby("column", sort=False):
        found = cells.drop_duplicates(counts)[["system", *counts]]
        if len(found) > 1:
            listed = ", ".join(f"{name} {' and '.join(map(str, of))}" for name, *of in found.itertuples(index=False))
            log.warning("%s of column %s differ: %s", " and ".join(counts), column, listed)


def _own(tree: Mapping[str, Any], name: str, task: str, module: ModuleType) -> pd.DataFrame:
    predictions, seed = results.read(name, task), params.run(tree).seed
    table = module.intervals(predictions["dev"], predictions["eval"], results.scoring(tree, task), seed)
    return table.assign(system=name, column=OWN)
