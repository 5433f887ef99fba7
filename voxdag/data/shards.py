"""Recordings packed in few large files: int16 `.npy` shards, memory-mapped, and an index table.

A folder of shards holds

    audio-000.npy, audio-001.npy, ...   (samples,) int16, recordings end to end
    index.csv                           one row per recording: the manifest's columns, and shard, start, length, crc32

DVC's cost is per file, so a corpus is a handful of files; reading a random crop touches only the crop's pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from copy import copy
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import folds

INDEX = "index.csv"
PLACE = ("shard", "start", "length", "crc32")


def write(folder: Path, recordings: Iterable[tuple[dict, np.ndarray]], shard_samples: int) -> pd.DataFrame:
    """Pack (row, int16 samples) pairs, in their order, and write the index; gives the index.

    A recording is never split; a shard is closed once it holds `shard_samples` or more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    open_shard: list[np.ndarray] = []
    shard, start = 0, 0
    for row, samples in recordings:
        place = (shard, start, len(samples), f"{zlib.crc32(samples):08x}")
        rows.append(row | dict(zip(PLACE, place, strict=True)))
        open_shard.append(samples)
        start += len(samples)
        if start >= shard_samples:
            _close(folder, shard, open_shard)
            open_shard, shard, start = [], shard + 1, 0
    if open_shard:
        _close(folder, shard, open_shard)
    index = pd.DataFrame(rows, columns=None if rows else ["id", *PLACE])
    artifacts.write_table(folder / INDEX, index)
    return index


class Shards:
    """The recordings of one folder, in the index's order, as views of memory-mapped int16 samples."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.index = artifacts.read_table(self.folder / INDEX)
        if self.index.empty:
            raise Refused(f"{self.folder} holds no recording: all were quarantined")
        self._arrays = [np.load(self._shard(i), mmap_mode="r") for i in range(self.index["shard"].max() + 1)]
        self._places = self.index[["shard", "start", "length"]].to_numpy(np.int64)
        self._check()

    def fold(self, name: str) -> Shards:
        """The recordings of one fold (see `voxdag.data.folds`), in order. Raises Refused if it has none."""
        rows = folds.of(self.index, name).to_numpy()
        if not rows.any():
            raise Refused(f"{self.folder} holds no recording of fold {name}: all were quarantined")
        part = copy(self)
        part.index, part._places = self.index[rows].reset_index(drop=True), self._places[rows]
        return part

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> np.ndarray:
        """(length,) int16, read-only."""
        shard, start, length = self._places[i]
        return self._arrays[shard][start : start + length]

    @property
    def lengths(self) -> np.ndarray:
        """(recordings,) samples each."""
        return self._places[:, 2]

    def verify(self) -> Iterator[str]:
        """The ids of recordings whose samples are not those that were packed."""
        for i, (name, crc32) in enumerate(zip(self.index["id"], self.index["crc32"], strict=True)):
            if f"{zlib.crc32(np.ascontiguousarray(self[i])):08x}" != crc32:
                yield name

    def _shard(self, i: int) -> Path:
        return self.folder / f"audio-{i:03d}.npy"

    def _check(self) -> None:
        ends = self.index.assign(end=self.index["start"] + self.index["length"]).groupby("shard")["end"].max()
        for shard, end in ends.items():
            if len(self._arrays[shard]) != end:
                held = len(self._arrays[shard])
                raise Refused(f"{self._shard(shard)} holds {held} samples, its index says {end}; make it again")


def _close(folder: Path, shard: int, recordings: list[np.ndarray]) -> None:
    content = BytesIO()
    np.save(content, np.concatenate(recordings))
    artifacts.write_bytes(folder / f"audio-{shard:03d}.npy", content.getvalue())
