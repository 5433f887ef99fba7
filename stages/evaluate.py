"""Score a system's dev and eval recordings with the checkpoint that params.yaml names, and measure it on eval.

Usage:  python -m stages.evaluate <system>
Reads:  data/checkpoints/<system>/<checkpoint>.safetensors       of each fold, where the system is cross-validated
        data/features/<task>/dev, data/features/<task>/eval      recordings
        data/manifest/<task>/dev, data/manifest/<task>/eval      the task's other tables (ASV scores)
        params.yaml              seed, num_threads, device, tasks.<task>.scoring, systems.<system>
Writes: data/predictions/<system>/dev.csv, eval.csv              one row per utterance and fold
        data/predictions/<system>/eval.scores.txt                eval in the field's own score-file format
        metrics/<system>/evaluate.json                           headline: eval's metrics, and the dev criterion
        metrics/<system>/intervals.csv                           those of eval with their bootstrap intervals
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.params import System
from voxdag.data import folds, layout
from voxdag.data.shards import Shards
from voxdag.networks import by_name


def predict(name: str, system: System, device: torch.device) -> dict[str, pd.DataFrame]:
    """Predictions on dev and eval, fold by fold, rounded as they are written, so that every later stage sees the same
    scores."""
    model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
    settings = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    shards = {split: Shards(layout.recordings(system.recordings, split)) for split in ("dev", "eval")}
    tables = {split: layout.tables(system.task, split) for split in shards}
    predictions = {split: [] for split in shards}
    for fold in folds.names(shards["dev"].index):
        weights = checkpoint(name, fold, system.evaluate.checkpoint)
        network = by_name.restore(
            weights, system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS
        ).to(device)
        for split, rows in predictions.items():
            table = inference.predict(network, shards[split].fold(fold), settings, device, tables[split])
            rows.append(table.assign(fold=fold) if fold != folds.FIXED else table)
    return {split: pd.concat(rows, ignore_index=True).round(artifacts.DECIMALS) for split, rows in predictions.items()}


def checkpoint(name: str, fold: str, chosen: str) -> Path:
    """The weights to score a fold with. Raises Refused with those there are."""
    folder = layout.checkpoints(name, fold)
    path = folder / f"{chosen}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise Refused(f"systems.{name}.evaluate.checkpoint is {chosen!r}; {folder} has {there}")
    return path


def main(name: str) -> None:
    tree = params.read()
    run, system = params.run(tree), params.system(tree, name)
    report = load_module("voxdag.tasks.{task}.report", task=system.task)
    scoring = params.bind(report.Scoring, params.task(tree, system.task).scoring, f"tasks.{system.task}.scoring")
    predictions = predict(name, system, runtime.setup(run))
    for split, table in predictions.items():
        artifacts.write_table(layout.predictions(name) / f"{split}.csv", table)
    load_module("voxdag.tasks.{task}.score_file", task=system.task).write(
        layout.predictions(name) / "eval.scores.txt", predictions["eval"]
    )
    tables = {split: layout.tables(system.task, split) for split in predictions}
    artifacts.write_json(layout.metrics(name) / "evaluate.json", report.headline(predictions, tables))
    intervals = report.intervals(predictions, tables, scoring, run.seed)
    artifacts.write_table(layout.metrics(name) / "intervals.csv", intervals)


if __name__ == "__main__":
    command.main(main)
