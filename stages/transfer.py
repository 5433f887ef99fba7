"""Score recordings of another corpus or condition with all systems of a task, at what each froze on its own dev.

Usage:  python -m stages.transfer <entry>
Reads:  data/<recordings>/eval                            shards: beyond/<entry>, coded/<entry>, features/<task>
        data/checkpoints/<system>/<member>                of every system of the task that takes such recordings
        data/predictions/<system>/dev.csv                 what thresholds and calibration are fitted to
        params.yaml                                       transfers.<entry>, systems, tasks.<task>.scoring
Writes: data/transfers/<task>/<entry>/<system>.csv        predictions, one row per utterance and member
        data/transfers/<task>/<entry>/<system>.scores.txt    in the field's own form; a file a member of several
        data/transfers/<task>/<entry>/cells.csv           every metric with its intervals, system by system

A system that reads what a stage between made of recordings is left out, since these were not made so: cleaned ones, and
embedded ones unless the task's `inference` says that what is learned from these takes waves too (WAVES_TOO).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import pandas as pd

from stages.evaluate import checkpoint
from voxdag.core import artifacts, command, params, runtime
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module, load_optional
from voxdag.core.params import System
from voxdag.data import layout
from voxdag.data.members import members
from voxdag.data.shards import Shards
from voxdag.data.synthetic import all_real
from voxdag.networks import by_name
from voxdag.tasks import as_they_are, results

SECTION = "transfers"

log = logging.getLogger(__name__)


def main(name: str) -> None:
    tree = params.read()
    entry = params.transfer(tree, name)
    module = load_module("voxdag.tasks.{task}.transfer", task=entry.task)
    score_file = load_optional("voxdag.tasks.{task}.score_file", task=entry.task)
    shards = all_real(Shards(layout.recordings(entry.recordings, "eval")))
    scoring, seed, folder = results.scoring(tree, entry.task), params.run(tree).seed, layout.transfers(entry.task, name)
    cells = []
    for system in taking(tree, entry.task):
        predictions = predict(tree, system, shards).round(artifacts.DECIMALS)
        artifacts.write_table(folder / f"{system}.csv", predictions)
        if score_file is not None:
            score_file.write(folder / f"{system}.scores.txt", predictions)
        table = module.intervals(results.read(system, entry.task)["dev"], predictions, scoring, seed)
        cells.append(table.assign(system=system))
    if not cells:
        raise Refused(f"{entry.task} has no system that takes {entry.recordings}: there is nothing to score")
    artifacts.write_table(folder / "cells.csv", pd.concat(cells, ignore_index=True))


def taking(tree: Mapping, task: str) -> Iterator[str]:
    """The systems of a task that take recordings as they are; the others are logged."""
    for name in params.of_task(tree, task, "systems"):
        recordings = params.system(tree, name).recordings
        if as_they_are.heard(tree, recordings):
            yield name
        else:
            log.info("%s reads %s, which was made of recordings: left out", name, recordings)


def predict(tree: Mapping, name: str, shards: Shards) -> pd.DataFrame:
    """What each member of a system says of recordings. Of a system that is cross-validated each fold's members hear
    all of them."""
    system: System = params.system(tree, name)
    inference = load_module("voxdag.tasks.{task}.inference", task=system.task)
    settings = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    device, rows, model = runtime.setup(params.run(tree, system)), [], system.model
    for member in members(layout.utterances(system.task, "dev"), system.seeds):
        weights = checkpoint(name, member, system.evaluate.checkpoint)
        size = (system.network, model.config, model.changes)
        network = by_name.restore(weights, *size, inference.OUTPUT_SIZE, inference.BUFFERS).to(device)
        rows.append(member.mark(inference.predict(network, shards, settings, device, {})))
    return pd.concat(rows, ignore_index=True)


if __name__ == "__main__":
    command.main(main)
