"""Send recordings through codecs: a stage between features and training, for an entry of `coded`.

Usage:  python -m stages.transcode <entry>
Reads:  data/<recordings>/train, dev, eval           shards of one track, wave, such as features/<task>
        params.yaml                                  coded.<entry>
        data/codecs                                  what was coded before (VOXDAG_CODECS: elsewhere); whether there is
                                                     any changes no result
Writes: data/coded/<entry>/train, dev, eval          shards: of each recording what the split's rule says (see
                                                     voxdag/data/coded.py), with codec, quality, bit rate and the id of
                                                     the original in the index

A system reads the folder as `recordings: coded/<entry>`. A codec that is not to be had stops the stage at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from voxdag.core import command, parallel, params
from voxdag.core.errors import Refused
from voxdag.core.workspace import codecs_folder
from voxdag.data import coded, layout, shards
from voxdag.data.layout import SPLITS
from voxdag.data.shards import Row, Shards
from voxdag.tasks import between

SECTION = "coded"


def main(name: str) -> None:
    tree = params.read()
    entry, where = params.between(tree, SECTION, name), f"{SECTION}.{name}"
    settings = params.bind(coded.Settings, entry.settings, f"{where}.settings")
    if between.has_network(entry, where):
        raise Refused(f"{where}.network is {entry.network}, expected null: a codec needs none")
    settings.check()
    for split in SPLITS:
        packed = Shards(layout.recordings(entry.recordings, split))
        made = transcoded(packed, split, getattr(settings, split), settings.seed, codecs_folder())
        shards.write(layout.recordings(f"{SECTION}/{name}", split), made, packed.tracks, shards.MEGABYTES)


def transcoded(
    packed: Shards, split: str, rule: coded.Rule, seed: int, folder: Path | None
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """What the rule says of each recording; folder: of what was coded before."""
    rate, waves, rows = coded.refuse_other_tracks(packed), packed.track("wave"), packed.about.to_dict("records")
    listed = list(coded.versions(packed.index["id"], split, rule, seed))
    works = (coded.Work(version, np.asarray(waves[version.number])) for version in listed)
    found = parallel.stream(partial(coded.through, rate=rate, folder=folder), works, command.jobs(), "recordings")
    for version, (samples, kbps) in zip(listed, found, strict=True):
        yield coded.row(rows[version.number], version, kbps), {"wave": samples}


if __name__ == "__main__":
    command.main(main)
