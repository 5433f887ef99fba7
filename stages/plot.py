"""Draw a system's figures: a table for DVC's plots and a picture for the paper, of each.

Usage:  python -m stages.plot <system>
Reads:  data/predictions/<system>/dev.csv, eval.csv      one row per utterance
        data/checkpoints/<system>/history.csv            one row per epoch
        metrics/<system>/breakdown.csv                   one row per group
        params.yaml                                      systems.<system>.task
Writes: plots/<system>/<figure>.csv, <figure>.png
"""

from __future__ import annotations

from voxdag.core import artifacts, command, params
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.figures.png import save_png


def main(name: str) -> None:
    task = params.system(params.read(), name).task
    dev, predictions = (artifacts.read_table(layout.predictions(name) / f"{split}.csv") for split in ("dev", "eval"))
    breakdown = artifacts.read_table(layout.metrics(name) / "breakdown.csv")
    history = artifacts.read_table(layout.checkpoints(name) / "history.csv")
    for figure, plot in (
        load_module("voxdag.tasks.{task}.figures", task=task).figures(dev, predictions, breakdown, history).items()
    ):
        artifacts.write_table(layout.plots(name) / f"{figure}.csv", plot.table)
        save_png(plot.figure, layout.plots(name) / f"{figure}.png")


if __name__ == "__main__":
    command.main(main)
