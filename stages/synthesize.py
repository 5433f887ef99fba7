"""Add synthetic recordings to those of train: a stage between features and training, for an entry of `synthetic`.

Usage:  python -m stages.synthesize <entry>
Reads:  data/<recordings>/train                      shards, such as features/<task>; its real recordings are
                                                     all that is learned from
        data/<weights>                               those of its network (stages/clean.py says which these may be)
        params.yaml                                  num_threads, device, synthetic.<entry>
Writes: data/synthetic/<entry>/train                 shards: the recordings, then those that were made up (column
                                                     synthetic: 0, 1), fold by fold
        data/synthetic/<entry>/dev, eval             copies of data/<recordings>/dev, eval, which are not opened
        data/synthetic/<entry>/fitted/<fold>/        what was fitted to train: a generator's weights, the history
                                                     and the events of its training

The module that does it is voxdag/tasks/<task>/synthesize.py. A system reads the folder as `recordings:
synthetic/<entry>`, and its `train.synthetic_share` says how many of a batch are made up. A run that is killed goes on
when it is started again, and ends with the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from stages.code import picked
from voxdag.core import code, command, params, runtime
from voxdag.core.modules import load_module
from voxdag.data import folds, layout, shards
from voxdag.data.shards import Shards
from voxdag.data.synthetic import made_up
from voxdag.synthesis.place import Place
from voxdag.tasks import between
from voxdag.training import tracking
from voxdag.training.run_state import RunState, run_key

SECTION = "synthetic"
PASSED_ON = ("dev", "eval")


def place(name: str, fold: str, tree: Mapping, work: between.Work) -> Place:
    """Where a fold's GAN goes. Its unfinished run goes on where code, packages, settings, recordings, weights and the
    class of machine are the same."""
    entry, run = tree[SECTION][name], params.run(tree)
    settings = {
        "code": code.describe(["stages.synthesize"], picked(name, entry)),
        "machine": runtime.machine_class(),
        "run": {"num_threads": run.num_threads, "device": run.device},
        "entry": entry,
        "fold": fold,
    }
    read = sorted(layout.recordings(work.recordings, "train").iterdir())
    key = run_key(settings, [*read, *work.weights])
    return Place(name, layout.fitted(work.out, fold), RunState.of_run(name, key, {}), work.device)


def main(name: str) -> None:
    tracking.chosen()  # a wrong one is refused before anything is read
    tree = params.read()
    module = load_module("voxdag.tasks.{task}.synthesize", task=params.between(tree, SECTION, name).task)
    work = between.opened(tree, SECTION, name, module)
    train = Shards(layout.recordings(work.recordings, "train"))
    shutil.rmtree(layout.recordings(work.out, layout.FITTED), ignore_errors=True)
    places = {fold: place(name, fold, tree, work) for fold in folds.names(train.index)}
    real = train.chosen(~made_up(train.index))
    made = {
        fold: module.synthesize(work.network, real.fold(fold), work.settings, there) for fold, there in places.items()
    }
    both = between.with_synthetic(made, train)
    shards.write(layout.recordings(work.out, "train"), both, train.tracks, shards.MEGABYTES)
    for split in PASSED_ON:
        shutil.rmtree(layout.recordings(work.out, split), ignore_errors=True)
        shutil.copytree(layout.recordings(work.recordings, split), layout.recordings(work.out, split))
    for there in places.values():
        there.run_state.close()


if __name__ == "__main__":
    command.main(main, kept="training goes on from its last saved state (docs/HOWTO.md, Long runs)")
