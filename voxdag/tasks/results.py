"""What the stages behind training write of a system or baseline, and read back: predictions, headline, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from voxdag.core import artifacts, params
from voxdag.core.modules import load_module
from voxdag.data import columns, layout
from voxdag.scoring.tables import Scoring

SPLITS = ("dev", "eval")
BY = "speaker"  # whose intervals are shown of a mean over members


def write(name: str, task: str, predictions: Mapping[str, pd.DataFrame], tree: Mapping[str, Any]) -> None:
    """Write a system's or baseline's predictions by split, and what the task measures of them."""
    report, held = load_module("voxdag.tasks.{task}.report", task=task), tables(task)
    for split, table in predictions.items():
        artifacts.write_table(layout.predictions(name) / f"{split}.csv", table)
    artifacts.write_json(layout.metrics(name) / "evaluate.json", report.headline(predictions, held))
    intervals = report.intervals(predictions, held, scoring(tree, task), params.run(tree).seed)
    artifacts.write_table(layout.metrics(name) / "intervals.csv", intervals)


def read(name: str, task: str) -> dict[str, pd.DataFrame]:
    """The predictions of a system or baseline by split."""
    types = prediction_types(task)
    return {split: artifacts.read_table(layout.predictions(name) / f"{split}.csv", types) for split in SPLITS}


def prediction_types(task: str) -> artifacts.Columns:
    """The types of the columns of predictions: of the index, of the manifest, and of what the task says."""
    data = load_module("voxdag.tasks.{task}.data", task=task)
    report = load_module("voxdag.tasks.{task}.report", task=task)
    return {**columns.RECORDING, **columns.MEMBER, **data.COLUMNS, **report.PREDICTIONS}


def corpus(tree: Mapping[str, Any], task: str, split: str = "eval") -> str:
    """The corpus that a split is of, as figures say it: "simulated_la (simulated)", "ravdess"."""
    prepare = params.task(tree, task).prepare
    name = (split == "eval" and prepare.get("eval_corpus")) or prepare["corpus"]
    return f"{name} (simulated)" if name.startswith("simulated_") else name


def mean_intervals(names: Sequence[str], task: str) -> pd.DataFrame:
    """The means over members of systems and baselines with their intervals by speaker: one row a metric."""
    types = load_module("voxdag.tasks.{task}.report", task=task).INTERVALS
    tables = [artifacts.read_table(layout.metrics(name) / "intervals.csv", types).assign(system=name) for name in names]
    rows = pd.concat(tables, ignore_index=True)
    return rows[(rows["resampled_by"] == BY) & rows["fold"].isna() & rows["seed"].isna()]


def tables(task: str) -> dict[str, dict[str, pd.DataFrame]]:
    """The task's other tables (ASV scores) by split."""
    return {split: layout.tables(task, split) for split in SPLITS}


def scoring(tree: Mapping[str, Any], task: str) -> Scoring:
    """How the task's metrics are made."""
    return params.bind(Scoring, params.task(tree, task).scoring, f"tasks.{task}.scoring")
