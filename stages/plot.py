"""Draw a system's figures: a table for DVC's plots and a picture for the paper, of each.

Usage:  python -m stages.plot <system>
Reads:  data/predictions/<system>/dev.csv, eval.csv      one row per utterance and member
        data/predictions/<system>/eval/<member>/         the audio that the first member made, where that is what the
        data/<recordings>/eval                           task predicts, and what it made it of
        data/checkpoints/<system>/history.csv            one row per epoch of each member
        metrics/<system>/breakdown.csv                   one row per group
        params.yaml                                      systems.<system>.task, tasks.<task>.prepare: the corpus's name
Writes: plots/<system>/<figure>.csv, <figure>.png, <figure>.pdf
"""

from __future__ import annotations

from types import ModuleType

from voxdag.core import artifacts, command, params
from voxdag.core.modules import load_module
from voxdag.core.params import System
from voxdag.data import layout
from voxdag.data.members import members
from voxdag.data.shards import Shards
from voxdag.figures.plot import Plot
from voxdag.tasks import results
from voxdag.training.history import HISTORY


def examples(name: str, system: System, figures: ModuleType) -> dict[str, Plot]:
    """What shows some of the audio that the first member made of eval; nothing of a task that predicts none."""
    if not hasattr(figures, "examples"):
        return {}
    recordings = Shards(layout.recordings(system.recordings, "eval"))
    first = members(recordings.index, system.seeds)[0]
    enhanced = Shards(layout.predictions(name) / "eval" / first.name)
    return figures.examples(recordings.fold(first.fold), enhanced)


def main(name: str) -> None:
    tree = params.read()
    system = params.system(tree, name)
    task = system.task
    report = load_module("voxdag.tasks.{task}.report", task=task)
    figures = load_module("voxdag.tasks.{task}.figures", task=task)
    predictions = results.read(name, task)
    breakdown = artifacts.read_table(layout.metrics(name) / "breakdown.csv", report.BREAKDOWN)
    history = artifacts.read_table(layout.checkpoints(name) / "history.csv", HISTORY)
    plots = figures.figures(predictions["dev"], predictions["eval"], breakdown, history)
    plots |= examples(name, system, figures)
    confidence = results.scoring(tree, task).confidence
    for figure, plot in plots.items():
        artifacts.write_table(layout.plots(name) / f"{figure}.csv", plot.table)
        what = f"{name}, {plot.of} of {results.corpus(tree, task)}"
        plot.save(layout.plots(name) / figure, plot.words(what, confidence))


if __name__ == "__main__":
    command.main(main)
