"""Pack the eval recordings of a further corpus, for systems of a task that learned from another: an entry of `beyond`.

Usage:  python -m stages.beyond <entry>
Reads:  the corpus that beyond.<entry> names
        params.yaml                             beyond.<entry>, tasks.<task>.prepare.corpora, tasks.<task>.features
Writes: data/beyond/<entry>/eval                shards, as features/<task> has them
        data/beyond/<entry>/quarantine.csv      the recordings left out, each with its reason
        data/beyond/<entry>/report.json         what was read and left out, what differs from the official

All recordings of a corpus without an eval split are eval. The stage `transfer` scores them.
"""

from __future__ import annotations

import functools
import logging

from stages import features as packing
from voxdag.core import artifacts, command, parallel, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import corpora_folder
from voxdag.corpora import files, manifest
from voxdag.corpora.manifest import Prepare
from voxdag.data import layout
from voxdag.data.recordings import Features

SECTION = "beyond"
SPLIT = "eval"

log = logging.getLogger(__name__)


def main(name: str) -> None:
    tree = params.read()
    entry, where = params.beyond(tree, name), f"{SECTION}.{name}"
    corpora = {entry.corpus: params.beyond_options(tree, name)}
    settings = Prepare(entry.corpus, None, entry.max_absent, corpora)
    features = params.bind(Features, params.task(tree, entry.task).features, f"tasks.{entry.task}.features")
    data = load_module("voxdag.tasks.{task}.data", task=entry.task)
    tracks = packing.files_of(data, features, entry.task)
    corpus = manifest.read(settings, where)[entry.corpus]
    trials = corpus.trials
    trials = trials[trials["split"] == SPLIT] if "split" in trials else trials.assign(split=SPLIT)
    manifest.check_absent(trials, settings.max_absent)
    listed = trials[files.absent(trials).isna()]
    if listed.empty:
        raise Refused(f"the eval split of {entry.corpus} has no recording on disk")
    read_file = functools.partial(packing.read, folder=corpora_folder(), features=features)
    found = parallel.stream(read_file, packing.paths(listed, tracks), command.jobs(), "files")
    out = layout.recordings(f"{SECTION}/{name}", SPLIT)
    index, broken = packing.pack(listed, found, out, features, tracks)
    log.info("%s: %d recordings packed, %d quarantined", name, len(index), len(broken))
    table = out.with_name("quarantine.csv")
    artifacts.write_table(table, broken)
    packing.check_quarantine(broken, len(listed), features.max_quarantined, table)
    artifacts.write_json(out.with_name("report.json"), {entry.corpus: corpus.report})


if __name__ == "__main__":
    command.main(main)
