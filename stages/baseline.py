"""Measure a baseline on the same splits and with the same metrics as the systems: what a network has to beat.

Usage:  python -m stages.baseline <baseline>
Reads:  data/features/<task>/train, dev, eval            recordings
        data/manifest/<task>/dev, eval                   the task's other tables
        params.yaml                                      seed, num_threads, device, tasks.<task>.scoring,
                                                         baselines.<baseline>
Writes: data/predictions/<baseline>/dev.csv, eval.csv    one row per utterance and fold
        metrics/<baseline>/evaluate.json                 headline: eval's metrics, and the dev criterion
        metrics/<baseline>/intervals.csv                 those of eval with their bootstrap intervals
"""

from __future__ import annotations

import pandas as pd

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.modules import load_module
from voxdag.core.params import Baseline
from voxdag.data import layout
from voxdag.data.members import members
from voxdag.data.shards import Shards
from voxdag.tasks import results


def predict(name: str, baseline: Baseline, seed: int) -> dict[str, pd.DataFrame]:
    """Predictions on dev and eval, fold by fold, rounded as they are written."""
    module = load_module("voxdag.tasks.{task}.baseline", task=baseline.task)
    settings = params.bind(module.Settings, baseline.settings, f"baselines.{name}.settings")
    packed = layout.features(baseline.task)
    shards = {split: Shards(layout.recordings(packed, split)) for split in layout.SPLITS}
    tables = results.tables(baseline.task)
    predictions: dict[str, list[pd.DataFrame]] = {split: [] for split in results.SPLITS}
    for member in members(shards["dev"].index, [seed]):
        of_fold = {split: recordings.fold(member.fold) for split, recordings in shards.items()}
        for split, table in module.predict(of_fold, tables, settings, seed).items():
            predictions[split].append(member.mark(table))
    return {split: pd.concat(rows, ignore_index=True).round(artifacts.DECIMALS) for split, rows in predictions.items()}


def main(name: str) -> None:
    tree = params.read()
    run, baseline = params.run(tree), params.baseline(tree, name)
    runtime.setup(run)
    results.write(name, baseline.task, predict(name, baseline, run.seed), tree)


if __name__ == "__main__":
    command.main(main)
