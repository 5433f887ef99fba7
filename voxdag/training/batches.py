"""Batches of an epoch, from any batch on: the order and every crop are functions of (seed, epoch, utterance).

A batch is a dict of tensors. Where a task has several heads and an item no target for one of them, `mask_<head>` (B,)
bool says which have one (see `voxdag.training.learner.masked_mean`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from voxdag.audio.segments import fit_length
from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack

Batch = dict[str, Tensor]


class Crops(Dataset):
    """Random crops of equal length from packed recordings, with one integer label each.

    An item is asked for as (epoch, i): where the crop starts is drawn from (seed, epoch, utterance id) and from
    nothing else.
    """

    def __init__(self, recordings: PackedTrack, labels: np.ndarray, length: int, seed: int):
        self.recordings, self.labels, self.length, self.seed = recordings, labels, length, seed
        self.lengths = recordings.lengths

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """waves (B, length) int16, labels (B,) int64."""
        waves = np.empty((len(items), self.length), np.int16)
        for row, (epoch, i) in zip(waves, items, strict=True):
            row[:] = fit_length(self.recordings[i], self.start(epoch, i), self.length)
        labels = self.labels[[i for _, i in items]]
        return {"waves": torch.from_numpy(waves), "labels": torch.from_numpy(labels)}

    def start(self, epoch: int, i: int) -> int:
        """The first sample of recording i's crop in this epoch; uniform over all that fit."""
        spare = int(self.lengths[i]) - self.length
        return (
            int(streams.generator(self.seed, "crop", epoch, self.recordings.ids[i]).integers(spare + 1))
            if spare > 0
            else 0
        )


class EpochOrder(Sampler):
    """Batches of (epoch, i) in the epoch's own order, from batch `first` on; the last, smaller one is left out."""

    def __init__(self, n: int, batch_size: int, seed: int):
        if n < batch_size:
            raise Refused(f"{n} training utterances do not fill one batch of {batch_size}")
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return self.n // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = streams.order(self.seed, self.epoch, self.n).tolist()
        for batch in range(self.first, len(self)):
            yield [(self.epoch, i) for i in order[batch * self.batch_size : (batch + 1) * self.batch_size]]


@dataclass(frozen=True)
class LoaderSettings:
    """How batches are made and where they go; workers: processes that load them, 0 for none but this one."""

    batch_size: int
    seed: int
    device: torch.device
    workers: int


class Batches:
    """Batches of a dataset, epoch by epoch; its `__getitems__` makes one of a list of (epoch, i)."""

    def __init__(self, dataset: Dataset, settings: LoaderSettings):
        self.order = EpochOrder(len(dataset), settings.batch_size, settings.seed)
        self.loader = DataLoader(
            dataset,
            batch_sampler=self.order,
            num_workers=settings.workers,
            collate_fn=_as_it_is,
            persistent_workers=settings.workers > 0,
            pin_memory=settings.device.type == "cuda",
            generator=torch.Generator(),  # else the loader would draw from torch's global one
        )

    def __len__(self) -> int:
        return len(self.order)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of the 0-based epoch from batch `first` on."""
        self.order.epoch, self.order.first = epoch, first
        return iter(self.loader)


def _as_it_is(batch: Batch) -> Batch:
    return batch
