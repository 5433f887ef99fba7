"""Turn recordings into what a frozen network says of them: a stage between features and training, for an entry of
`embedded`.

Usage:  python -m stages.embed <entry>
Reads:  data/<recordings>/train, dev, eval           shards, such as features/<task>
        data/<weights>                               those of its network (stages/clean.py says which these may be)
        params.yaml                                  num_threads, device, embedded.<entry>
Writes: data/embedded/<entry>/train, dev, eval       shards of the same recordings in the same order, with all that the
                                                     index says of them; tracks as float16 (frames, D), their rate in
                                                     frames per second

The module that does it is voxdag/tasks/<task>/embed.py. A system reads the folder as `recordings: embedded/<entry>`.
"""

from __future__ import annotations

import torch

from voxdag.core import command, params, runtime
from voxdag.core.modules import load_module
from voxdag.data import layout, shards
from voxdag.data.layout import SPLITS
from voxdag.data.shards import Shards
from voxdag.tasks import between

SECTION = "embedded"


def main(name: str) -> None:
    tree, where = params.read(), f"{SECTION}.{name}"
    entry, device = params.between(tree, SECTION, name), runtime.setup(params.run(tree))
    module = load_module("voxdag.tasks.{task}.embed", task=entry.task)
    settings = params.bind(module.Settings, entry.settings, f"{where}.settings")
    network = between.open_network(entry, module, where, device)
    for split in SPLITS:
        packed = Shards(layout.recordings(entry.recordings, split))
        with torch.inference_mode():
            embedded = module.embed(network, packed, settings, device)
            kept = between.same_recordings(embedded, packed, keeps_lengths=False)
            out = layout.recordings(f"{SECTION}/{name}", split)
            shards.write(out, kept, module.tracks(network, packed, settings), between.SHARD_MEGABYTES)


if __name__ == "__main__":
    command.main(main)
