"""Crops of recordings of which train has several versions (through codecs, see `voxdag.data.coded`): of each recording
one version an epoch, so that an epoch has as many steps whatever their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from voxdag.audio.codecs import NONE
from voxdag.audio.segments import fit_length
from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.coded import CODEC, ORIGINAL
from voxdag.data.shards import PackedTrack
from voxdag.training.batches import Batch, Crops


class VersionCrops(Crops):
    """One crop of a version of each recording; a version is a coded one with the probability `share`, any as likely as
    another, and else the recording as it was.

    Which version, and where its crop begins, are drawn from (seed, epoch, the original's id) and from nothing else: who
    hears no coded speech (share 0) hears the same crops. Items count the originals.

    Raises Refused where the index does not say what is a version of what, an original is not there, or coded versions
    are asked for and one has none.
    """

    def __init__(
        self, recordings: PackedTrack, index: pd.DataFrame, labels: np.ndarray, length: int, share: float, seed: int
    ):
        super().__init__(recordings, labels, length, seed)
        lacking = [column for column in (ORIGINAL, CODEC) if column not in index]
        if lacking:
            raise Refused(f"coded_share is {share}, and train has no column {lacking[0]}: see `coded` in params.yaml")
        self.share, self.names = share, list(dict.fromkeys(index[ORIGINAL]))
        coded = (index[CODEC] != NONE).to_numpy()
        rows = pd.Series(np.arange(len(index)))
        self._plain = rows[~coded].groupby(index[ORIGINAL][~coded].to_numpy()).first().to_dict()
        self._coded = rows[coded].groupby(index[ORIGINAL][coded].to_numpy()).agg(list).to_dict()
        for kind, there, needed in (("as it was", self._plain, share < 1), ("coded", self._coded, share > 0)):
            without = [name for name in self.names if name not in there] if needed else []
            if without:
                raise Refused(f"{len(without)} recordings of train are not there {kind}, such as {without[0]}")

    def __len__(self) -> int:
        return len(self.names)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """waves (B, length, ...) of the track's type, labels (B,) int64, rows (B,) of the index."""
        drawn = [self.drawn(epoch, i) for epoch, i in items]
        waves = np.stack([fit_length(self.recordings[row], start, self.length) for row, start in drawn])
        rows = np.array([row for row, _ in drawn])
        return {
            "waves": torch.from_numpy(waves),
            "labels": torch.from_numpy(self.labels[rows]),
            "rows": torch.from_numpy(rows),
        }

    def drawn(self, epoch: int, i: int) -> tuple[int, int]:
        """The row of the index that original i is heard as in this epoch, and where its crop begins."""
        name = self.names[i]
        rng = streams.generator(self.seed, "version", epoch, name)
        coded, which = rng.random() < self.share, rng.random()
        versions = self._coded[name] if coded else [self._plain[name]]
        row = versions[int(which * len(versions))]
        spare = int(self.lengths[row]) - self.length
        at = streams.generator(self.seed, "crop", epoch, name)
        return row, int(at.integers(spare + 1)) if spare > 0 else 0
