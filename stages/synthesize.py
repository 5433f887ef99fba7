"""Add synthetic recordings to those of train: a stage between features and training, for an entry of `synthetic`.

Usage:  python -m stages.synthesize <entry>
Reads:  data/<recordings>/train                      shards, such as features/<task>: all that is learned from
        data/<weights>                               those of its network (stages/clean.py says which these may be)
        params.yaml                                  num_threads, device, synthetic.<entry>
Writes: data/synthetic/<entry>/train                 shards: the recordings, then those that were made up (column
                                                     synthetic: 0, 1), fold by fold
        data/synthetic/<entry>/dev, eval             copies of data/<recordings>/dev, eval, which are not opened

The module that does it is voxdag/tasks/<task>/synthesize.py. A system reads the folder as `recordings:
synthetic/<entry>`.
"""

from __future__ import annotations

import shutil

from voxdag.core import command, params, runtime
from voxdag.core.modules import load_module
from voxdag.data import folds, layout, shards
from voxdag.data.shards import Shards
from voxdag.tasks import between

SECTION = "synthetic"
PASSED_ON = ("dev", "eval")


def main(name: str) -> None:
    tree, where = params.read(), f"{SECTION}.{name}"
    entry, device = params.between(tree, SECTION, name), runtime.setup(params.run(tree))
    module = load_module("voxdag.tasks.{task}.synthesize", task=entry.task)
    settings = params.bind(module.Settings, entry.settings, f"{where}.settings")
    network = between.open_network(entry, module, where, device)
    train = Shards(layout.recordings(entry.recordings, "train"))
    made = {fold: module.synthesize(network, train.fold(fold), settings, device) for fold in folds.names(train.index)}
    out = f"{SECTION}/{name}"
    both = between.with_synthetic(made, train)
    shards.write(layout.recordings(out, "train"), both, train.tracks, between.SHARD_MEGABYTES)
    for split in PASSED_ON:
        shutil.rmtree(layout.recordings(out, split), ignore_errors=True)
        shutil.copytree(layout.recordings(entry.recordings, split), layout.recordings(out, split))


if __name__ == "__main__":
    command.main(main)
