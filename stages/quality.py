"""Measure how good the recordings are that an entry of `synthetic` made up, and draw them beside real ones.

Usage:  python -m stages.quality <entry>
Reads:  data/synthetic/<entry>/train, dev            shards: real and made-up recordings; those of dev
        data/synthetic/<entry>/fitted                the history of what was fitted
        params.yaml                                  synthetic.<entry>, tasks.<task>.prepare.corpus
Writes: metrics/<entry>/quality.csv                  each measure, fold by fold, of what was made up, beside the same of
                                                     real recordings and of real ones that were inverted
        metrics/<entry>/quality.json                 headline, means over folds
        plots/synthetic/<entry>/<figure>.csv, <figure>.png, <figure>.pdf

Of a task that makes up recordings without a condition (`conditions` of its synthesize module) nothing is measured. The
eval split is not opened.
"""

from __future__ import annotations

from types import ModuleType

import pandas as pd

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.modules import load_module
from voxdag.data import folds, layout
from voxdag.data.shards import Shards
from voxdag.data.synthetic import all_real, made_up
from voxdag.figures import history, mel_bands, mosaic, nearest
from voxdag.figures.plot import Plot
from voxdag.synthesis import memorised, quality, sets, showing
from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.fit import HISTORY, of_entry
from voxdag.synthesis.sets import Sets
from voxdag.tasks import results
from voxdag.training.history import HISTORY as TYPES

SECTION = "synthetic"


def of_fold(
    train: Shards, dev: Shards, name: str, module: ModuleType, settings: sets.Settings
) -> tuple[Sets, Conditions]:
    """The sets of one fold (what the entry's generator was fitted to, what it made, dev), and its conditions."""
    real, made = train.chosen(~made_up(train.index)), train.chosen(of_entry(train.index, name))
    fitted, held = (one.chosen(module.fitted_to(one.index)) for one in (real, all_real(dev)))
    conditions = module.conditions(fitted.index)
    return sets.of_folders(fitted, held, made, conditions, module.RATE, settings), conditions


def figures(found: Sets, conditions: Conditions, seconds: float, losses: pd.DataFrame) -> dict[str, Plot]:
    """What is drawn of a fold; seconds: of a spectrogram."""
    kinds = {"train": found.train, "dev": found.dev, "inverted": found.inverted, "synthetic": found.synthetic}
    by_band = {kind: quality.bands(one.values, found.scaling.unit.numpy()) for kind, one in kinds.items()}
    level = by_band["train"]["mean"]
    bands = [table.assign(mean=table["mean"] - level, kind=kind) for kind, table in by_band.items()]
    rows, words = showing.side_by_side(found, conditions)
    return {
        "spectrograms": mosaic.draw(rows, words, seconds),
        "bands": mel_bands.draw(pd.concat(bands, ignore_index=True)),
        "nearest": nearest.draw(found.nearest, memorised.limit(found.nearest["dev"])),
        "history": history.draw_history(losses, {}, of="train"),
    }


def headline(table: pd.DataFrame) -> dict[str, float]:
    """What was made up, and real recordings, by the measures of HEADLINE: means over folds."""
    means = table.groupby("measure", sort=False)[["synthetic", "real"]].mean()
    values = {}
    for name, beside_real in quality.HEADLINE.items():
        values[name] = float(means.loc[name, "synthetic"])
        if beside_real:
            values[f"real_{name}"] = float(means.loc[name, "real"])
    return values


def main(name: str) -> None:
    tree = params.read()
    entry = params.between(tree, SECTION, name)
    module = load_module("voxdag.tasks.{task}.synthesize", task=entry.task)
    plots, rows = layout.plots(SECTION) / name, []
    corpus = results.corpus(tree, entry.task, "train")
    plots.mkdir(parents=True, exist_ok=True)
    runtime.setup(params.run(tree))
    if hasattr(module, "conditions"):
        settings = params.bind(module.Settings, entry.settings, f"{SECTION}.{name}.settings")
        train, dev = (Shards(layout.recordings(f"{SECTION}/{name}", split)) for split in ("train", "dev"))
        for fold in folds.names(train.index):
            found, conditions = of_fold(train.fold(fold), dev.fold(fold), name, module, settings)
            rows.append(quality.measure(found, conditions).assign(fold=fold))
            losses = artifacts.read_table(layout.fitted(f"{SECTION}/{name}", fold) / HISTORY, TYPES)
            if len(rows) == 1:  # of the first fold alone
                seconds = settings.mels.frames * settings.mels.hop / module.RATE
                for figure, plot in figures(found, conditions, seconds, losses).items():
                    artifacts.write_table(plots / f"{figure}.csv", plot.table)
                    plot.save(plots / figure, f"{name}, {plot.of} of {corpus}")
    table = pd.concat(rows) if rows else pd.DataFrame(columns=list(quality.COLUMNS))
    artifacts.write_table(layout.metrics(name) / "quality.csv", table)
    artifacts.write_json(layout.metrics(name) / "quality.json", headline(table) if rows else {})


if __name__ == "__main__":
    command.main(main)
