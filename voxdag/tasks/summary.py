"""What a run gave, for a reader: the metrics of a task's systems and baselines, and what two revisions differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType

import numpy as np
import pandas as pd

from voxdag.core import artifacts
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.scoring import paired, verdicts
from voxdag.scoring.tables import Scoring
from voxdag.tasks import results

NO_INTERVAL = "-"
BETTER = {True: "higher", False: "lower"}
WHICH = {verdicts.BETTER: "after", verdicts.WORSE: "before"}  # of two revisions
SHOWN = ("system_a", "system_b", "metric", "difference", "low", "high", *verdicts.COLUMNS)

Splits = Mapping[str, pd.DataFrame]  # predictions by split


def metrics(names: Sequence[str], task: str) -> pd.DataFrame:
    """One row for each system or baseline and metric: system, metric, value, low, high, better (higher or lower); and
    undefined, where the task counts the values that are and there are any."""
    rows = results.mean_intervals(names, task)
    counted = ["undefined"] if "undefined" in rows and rows["undefined"].any() else []
    rows = rows[["system", "metric", "value", "low", "high", *counted]]
    higher = load_module("voxdag.tasks.{task}.report", task=task).HIGHER
    return rows.assign(better=[BETTER[verdicts.plain(metric) in higher] for metric in rows["metric"]])


def differences(
    before: Splits, after: Splits, tables: Mapping, report: ModuleType, scoring: Scoring, seed: int
) -> pd.DataFrame:
    """What a system's predictions of two revisions differ in, one row a metric.

    Columns: metric, before, after, difference (after - before), low, high, p, margin, and better: after, before, or the
    verdict that is neither (see `verdicts`), missing without an interval. See `paired.pairs`, which also refuses. Where
    an utterance may have no value of a metric all are of what both have.
    """
    if hasattr(report, "common"):
        before, after, _ = report.common(before, after)
    table = paired.pairs({"after": after, "before": before}, tables, report.statistic, scoring, seed)
    means = {"before": report.statistic(before, tables).mean(), "after": report.statistic(after, tables).mean()}
    for name, values in means.items():
        table[name] = [values.get(verdicts.plain(metric), np.nan) for metric in table["metric"]]
    table = verdicts.judge(table, scoring.margins, report.HIGHER)
    table["better"] = table["verdict"].replace(WHICH)
    return table[["metric", "before", "after", "difference", "low", "high", "p", "margin", "better"]]


def judged(task: str) -> pd.DataFrame:
    """The paired differences of a task's systems and baselines that have a margin, as `compare` wrote them: the columns
    SHOWN. No row where it did not run, or judged nothing."""
    path = layout.comparison(task) / "pairs.csv"
    if not path.is_file():
        return pd.DataFrame(columns=list(SHOWN))
    table = artifacts.read_table(path, paired.COLUMNS | verdicts.COLUMNS).reindex(columns=list(SHOWN))
    return table[table["margin"].notna()]


def text(table: pd.DataFrame) -> str:
    """The table as aligned lines under its header; low and high as one interval, numbers with four decimals."""
    ends = zip(table["low"], table["high"], strict=True)
    shown = table.drop(columns=["low", "high"])
    interval = [f"{low:.4f} to {high:.4f}" if low <= high else NO_INTERVAL for low, high in ends]
    shown.insert(list(table.columns).index("low"), "interval", interval)
    columns = [[str(name), *map(_cell, values)] for name, values in shown.items()]
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if np.isfinite(value) else NO_INTERVAL
    return NO_INTERVAL if value is None else str(value)
