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

from voxdag.core import command, params
from voxdag.core.modules import load_module
from voxdag.data import folds, layout, shards
from voxdag.data.shards import Shards
from voxdag.tasks import between

SECTION = "synthetic"
PASSED_ON = ("dev", "eval")


def main(name: str) -> None:
    tree = params.read()
    module = load_module("voxdag.tasks.{task}.synthesize", task=params.between(tree, SECTION, name).task)
    work = between.opened(tree, SECTION, name, module)
    train = Shards(layout.recordings(work.recordings, "train"))
    made = {
        fold: module.synthesize(work.network, train.fold(fold), work.settings, work.device)
        for fold in folds.names(train.index)
    }
    both = between.with_synthetic(made, train)
    shards.write(layout.recordings(work.out, "train"), both, train.tracks, shards.MEGABYTES)
    for split in PASSED_ON:
        shutil.rmtree(layout.recordings(work.out, split), ignore_errors=True)
        shutil.copytree(layout.recordings(work.recordings, split), layout.recordings(work.out, split))


if __name__ == "__main__":
    command.main(main)
