"""Score a system's predictions group by group (per attack, speaker, codec, emotion, SNR, ...).

Usage:  python -m stages.breakdown <system>
Reads:  data/predictions/<system>/dev.csv, eval.csv      one row per utterance and member
        data/manifest/<task>/dev, eval                   the task's other tables (ASV scores, classes)
        params.yaml                                      seed, tasks.<task>.scoring
Writes: metrics/<system>/breakdown.csv                   one row per (column, value): counts, metrics, intervals
"""

from __future__ import annotations

from voxdag.core import artifacts, command, params
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.tasks import results


def main(name: str) -> None:
    tree = params.read()
    task = params.system(tree, name).task
    report = load_module("voxdag.tasks.{task}.report", task=task)
    predictions, scoring = results.read(name, task), results.scoring(tree, task)
    table = report.breakdown(predictions, results.tables(task), scoring, params.run(tree).seed)
    artifacts.write_table(layout.metrics(name) / "breakdown.csv", table)


if __name__ == "__main__":
    command.main(main)
