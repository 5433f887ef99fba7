"""Measure a baseline on the same splits and with the same metrics as the systems: what a network has to beat.

Usage:  python -m stages.baseline <baseline>
Reads:  data/features/<task>/train, dev, eval            recordings
        data/manifest/<task>/dev, eval                   the task's other tables
        params.yaml                                      seed, num_threads, device, tasks.<task>.scoring,
                                                         baselines.<baseline>
Writes: data/predictions/<baseline>/dev.csv, eval.csv    one row per utterance
        metrics/<baseline>/evaluate.json                 headline: eval's metrics, and the dev criterion
        metrics/<baseline>/intervals.csv                 those of eval with their bootstrap intervals
"""

from __future__ import annotations

import pandas as pd

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.modules import load_module
from voxdag.core.params import Baseline
from voxdag.data import folds, layout
from voxdag.data.shards import Shards


def predict(name: str, baseline: Baseline, seed: int) -> dict[str, pd.DataFrame]:
    """Predictions on dev and eval, fold by fold, rounded as they are written."""
    module = load_module("voxdag.tasks.{task}.baseline", task=baseline.task)
    settings = params.bind(module.Settings, baseline.settings, f"baselines.{name}.settings")
    shards = {split: Shards(layout.recordings(layout.features(baseline.task), split)) for split in layout.SPLITS}
    tables = {split: layout.tables(baseline.task, split) for split in ("dev", "eval")}
    names = folds.names(shards["dev"].index)
    of_folds = [
        module.predict({split: packed.fold(fold) for split, packed in shards.items()}, tables, settings, seed)
        for fold in names
    ]
    predictions = {}
    for split in tables:
        rows = [
            table[split].assign(fold=fold) if fold != folds.FIXED else table[split]
            for fold, table in zip(names, of_folds, strict=True)
        ]
        predictions[split] = pd.concat(rows, ignore_index=True).round(artifacts.DECIMALS)
    return predictions


def main(name: str) -> None:
    tree = params.read()
    run, baseline = params.run(tree), params.baseline(tree, name)
    runtime.setup(run)
    report = load_module("voxdag.tasks.{task}.report", task=baseline.task)
    where = f"tasks.{baseline.task}.scoring"
    scoring = params.bind(report.Scoring, params.task(tree, baseline.task).scoring, where)
    predictions = predict(name, baseline, run.seed)
    for split, table in predictions.items():
        artifacts.write_table(layout.predictions(name) / f"{split}.csv", table)
    tables = {split: layout.tables(baseline.task, split) for split in predictions}
    artifacts.write_json(layout.metrics(name) / "evaluate.json", report.headline(predictions, tables))
    intervals = report.intervals(predictions, tables, scoring, run.seed)
    artifacts.write_table(layout.metrics(name) / "intervals.csv", intervals)


if __name__ == "__main__":
    command.main(main)
