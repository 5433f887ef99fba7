"""Measure what a system of others scored of a corpus, from its score files, at what its own dev scores freeze.

Usage:  python -m stages.external <entry>
Reads:  the score files that external.<entry> names, eval and dev; dev of another entry of the same system, where
        that one has it
        the protocols of their corpora; no audio
        params.yaml                                       external, tasks.<task>.prepare.corpora, tasks.<task>.scoring
Writes: data/external/<task>/<entry>/<system>.csv         what the file says, one row per utterance
        data/external/<task>/<entry>/<system>.scores.txt  the same in the field's own form, every digit kept
        data/external/<task>/<entry>/cells.csv            every metric with its intervals, as `transfer` writes it

A system without dev scores has the metrics that need none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import corpora_folder
from voxdag.corpora import manifest
from voxdag.corpora.corpus import reader
from voxdag.data import layout
from voxdag.tasks import external, results

SECTION = external.SECTION

log = logging.getLogger(__name__)


def main(name: str) -> None:
    tree = params.read()
    entry = params.external(tree, name)
    module = load_module("voxdag.tasks.{task}.transfer", task=entry.task)
    score_file = load_module("voxdag.tasks.{task}.score_file", task=entry.task)
    external.of_task(tree, entry.task)
    predictions, dev = scores(tree, name, "eval", score_file), None
    for other in params.freezing(tree, name):
        dev = scores(tree, other, "dev", score_file)
        check_freezes(dev, f"{SECTION}.{other}.dev", module)
    cells = module.intervals(dev, predictions, results.scoring(tree, entry.task), params.run(tree).seed)
    if cells["value"].isna().all():
        counts = ", ".join(f"{count} {label}" for label, count in predictions["label"].value_counts().items())
        raise Refused(f"{SECTION}.{name}: of {counts} trials and without dev scores no metric is defined")
    folder = layout.external(entry.task, name)
    artifacts.write_table(folder / f"{entry.system}.csv", predictions)
    score_file.write(folder / f"{entry.system}.scores.txt", predictions)
    artifacts.write_table(folder / "cells.csv", cells.assign(system=entry.system))


def scores(tree: Mapping[str, Any], name: str, split: str, score_file: ModuleType) -> pd.DataFrame:
    """What an entry's score file of a split says of that split of its corpus, whose audio may be absent.

    Raises Refused for a file that is not there or is of other trials, and for a corpus that is not the published one,
    unless its options allow departures.
    """
    entry, key = params.external(tree, name), f"{SECTION}.{name}.options"
    path = corpora_folder() / getattr(entry, split)
    if not path.is_file():
        raise NotHere(f"{SECTION}.{name}.{split} is {getattr(entry, split)}: there is no file {path}")
    module = reader(entry.corpus)
    options = params.bind(module.Options, params.external_options(tree, name), key)
    corpus = manifest.on_disk(module, options, key)
    manifest.admitted(entry.corpus, corpus, options, key, list(corpus.departures or ()))
    predictions = score_file.read(path, manifest.trials(entry.corpus, corpus, split))
    for doubt in score_file.doubts(predictions):
        log.warning("%s: %s", path, doubt)
    return predictions


def check_freezes(dev: pd.DataFrame, key: str, module: ModuleType) -> None:
    """Raises Refused, naming the key, for dev scores that give no threshold and no calibration."""
    try:
        module.frozen(dev)
    except Refused as reason:
        raise Refused(f"{key} freezes nothing: {reason}") from reason


if __name__ == "__main__":
    command.main(main)
