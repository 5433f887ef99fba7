"""Denoise the recordings of a folder of shards: a stage between features and training, for an entry of `cleaned`.

Usage:  python -m stages.clean <entry>
Reads:  data/<recordings>/train, dev, eval           shards, such as features/<task>
        data/<weights>                               those of its network: a system's, or a file of the weights folder
        params.yaml                                  num_threads, device, cleaned.<entry>
Writes: data/cleaned/<entry>/train, dev, eval        shards of the same recordings in the same order, with all that the
                                                     index says of them

The module that does it is voxdag/tasks/<task>/clean.py. A system reads the folder as `recordings: cleaned/<entry>`.
Weights of a system, checkpoints/<system>/<member>/<checkpoint>.safetensors, make this stage follow its training; those
of a file in the weights folder are inputs/weights/<file>, whose hash stages.inputs writes; a module without a network
has inputs/weights/none.
"""

from __future__ import annotations

from voxdag.core import command, params
from voxdag.core.modules import load_module
from voxdag.tasks import between

SECTION = "cleaned"


def main(name: str) -> None:
    tree = params.read()
    module = load_module("voxdag.tasks.{task}.clean", task=params.between(tree, SECTION, name).task)
    between.each_for_itself(between.opened(tree, SECTION, name, module), module, module.clean, module.KEEPS_LENGTHS)


if __name__ == "__main__":
    command.main(main)
