"""The matrix of a task's systems by the recordings that they were tested on, at what each froze on its own dev.

The stage `transfer` writes a table of cells for each entry of `transfers`; a system's own eval is one column more.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import artifacts, params
from voxdag.data import layout
from voxdag.tasks import results

SECTION = "transfers"
OWN, WORST, MEAN = "own eval", "worst", "mean"  # columns beside the entries'
KEPT = ("system", "column", "metric", "value", "sd", "low", "high", "members")


def cells(tree: Mapping[str, Any], task: str, module: ModuleType | None) -> pd.DataFrame:
    """Every cell, column by column: the mean over members with its interval by speaker; and of each system and metric
    the worst and the mean of all columns but its own. No row without an entry of the task.

    module: the task's `transfer`; None where it has none.
    """
    entries = [name for name in tree[SECTION] or () if params.transfer(tree, name).task == task]
    if module is None or not entries:
        return pd.DataFrame(columns=list(KEPT))
    parts = [_own(tree, name, task, module) for name in params.of_task(tree, task, "systems")]
    for name in entries:
        table = artifacts.read_table(layout.transfers(task, name) / "cells.csv", {**module.COLUMNS})
        parts.append(table.assign(column=name))
    rows = pd.concat(parts, ignore_index=True)
    means = rows[(rows["resampled_by"] == results.BY) & rows["fold"].isna() & rows["seed"].isna()]
    return with_extremes(means[[*KEPT, *module.MEASURES.counts]])


def with_extremes(table: pd.DataFrame) -> pd.DataFrame:
    """The cells, and the columns WORST and MEAN; of all metrics the lower is the better."""
    others = table[table["column"] != OWN].groupby(["system", "metric"], sort=False)["value"]
    ends = [others.agg(how).reset_index().assign(column=name) for name, how in ((WORST, "max"), (MEAN, "mean"))]
    return pd.concat([table, *ends], ignore_index=True)


def _own(tree: Mapping[str, Any], name: str, task: str, module: ModuleType) -> pd.DataFrame:
    predictions, seed = results.read(name, task), params.run(tree).seed
    table = module.intervals(predictions["dev"], predictions["eval"], results.scoring(tree, task), seed)
    return table.assign(system=name, column=OWN)
