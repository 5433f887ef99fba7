"""Turn recordings into what a frozen network says of them: a stage between features and training, for an entry of
`embedded`.

Usage:  python -m stages.embed <entry>
Reads:  data/<recordings>/train, dev, eval           shards, such as features/<task>
        data/<weights>                               those of its network (stages/clean.py says which these may be)
        params.yaml                                  num_threads, device, embedded.<entry>
Writes: data/embedded/<entry>/train, dev, eval       shards of the same recordings in the same order, with all that the
                                                     index says of them, and the tracks of the task's module: frames
                                                     (T, D) and their rate, or what stands for all of them, without one

The module that does it is voxdag/tasks/<task>/embed.py. A system reads the folder as `recordings: embedded/<entry>`.
"""

from __future__ import annotations

from voxdag.core import command, params
from voxdag.core.modules import load_module
from voxdag.tasks import between

SECTION = "embedded"


def main(name: str) -> None:
    tree = params.read()
    module = load_module("voxdag.tasks.{task}.embed", task=params.between(tree, SECTION, name).task)
    between.each_for_itself(between.opened(tree, SECTION, name, module), module, module.embed, keeps_lengths=False)


if __name__ == "__main__":
    command.main(main)
