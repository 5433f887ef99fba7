"""Batches of an epoch, from any batch on: the order and every crop are functions of (seed, epoch, utterance).

Where train has recordings that were made up, a fixed share of each batch is of them (`Mixture`); an epoch has as many
batches as the real recordings fill, so that who trains without them makes as many steps.

A batch is a dict of tensors. Where a task has several heads and an item no target for one of them, `mask_<head>` (B,)
bool says which have one (see `voxdag.training.learner.masked_mean`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from voxdag.audio.segments import fit_length
from voxdag.core import ranks, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack
from voxdag.data.synthetic import made_up

Batch = dict[str, Tensor]
MOST_SYNTHETIC = 0.5  # share of a batch
ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996


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
        """waves (B, length, ...) of the track's type, labels (B,) int64."""
        track = self.recordings.track
        waves = np.empty((len(items), self.length, *track.shape), track.dtype)
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


@dataclass(frozen=True)
class Mixture:
    """Which of train's recordings were made up, (recordings,) bool, and how many of a batch are of those.

    Raises Refused for a share above half, for one that is no recording of a batch, and where nothing was made up.
    """

    synthetic: np.ndarray
    share: float
    batch_size: int

    def __post_init__(self) -> None:
        if not 0 < self.share <= MOST_SYNTHETIC:
            raise Refused(f"synthetic_share is {self.share}, expected above 0 and at most {MOST_SYNTHETIC}")
        if self.count == 0:
            raise Refused(f"synthetic_share is {self.share} of batches of {self.batch_size}: less than one recording")
        if not self.synthetic.any():
            raise Refused(
                "synthetic_share is set and no recording of train was made up: see `synthetic` in params.yaml"
            )

    @property
    def count(self) -> int:
        """Recordings of a batch that were made up: the share's whole number, 29 of 100 where it is 0.29."""
        return int(self.share * self.batch_size + ROUNDING)


def mixture(index: pd.DataFrame, share: float | None, batch_size: int) -> Mixture | None:
    """That of train's index; None where nothing was made up and no share is asked for.

    Raises Refused as Mixture does, and for recordings that were made up without a share.
    """
    synthetic = made_up(index)
    if share is not None:
        return Mixture(synthetic, share, batch_size)
    if synthetic.any():
        raise Refused(
            f"{synthetic.sum()} of {len(synthetic)} recordings of train were made up: set synthetic_share, their share "
            f"of a batch, {MOST_SYNTHETIC} at most"
        )
    return None


class EpochOrder(Sampler):
    """Batches of (epoch, i) in the epoch's own order, from batch `first` on; the last, smaller one is left out.

    With a mixture, the real ones come in the epoch's order and as many of a batch as it says are drawn from the others,
    each as often as any other, give or take one. A dataset of several items a recording has all recordings, then all of
    them again. Of several processes that train together, each is given its share of a batch.
    """

    def __init__(self, n: int, batch_size: int, seed: int, mixed: Mixture | None = None):
        synthetic = np.zeros(n, bool) if mixed is None else np.resize(mixed.synthetic, n)
        self.real, self.made = np.flatnonzero(~synthetic), np.flatnonzero(synthetic)
        self.of_made = 0 if mixed is None else mixed.count
        if batch_size < ranks.count():
            raise Refused(f"batch_size is {batch_size}, expected {ranks.count()} or more: one item for each process")
        if len(self.real) < batch_size:
            raise Refused(f"{len(self.real)} training utterances do not fill one batch of {batch_size}")
        self.batch_size, self.seed = batch_size, seed
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return len(self.real) // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        real, made = self._order_of_real(), self._order_of_made()
        of_real = self.batch_size - self.of_made
        for batch in range(self.first, len(self)):
            chosen = real[batch * of_real : (batch + 1) * of_real]
            chosen = chosen + made[batch * self.of_made : (batch + 1) * self.of_made]
            yield [(self.epoch, i) for i in chosen[ranks.share(len(chosen))]]

    def _order_of_real(self) -> list[int]:
        return self.real[streams.order(self.seed, self.epoch, len(self.real))].tolist()

    def _order_of_made(self) -> list[int]:
        """As many as the epoch takes: rounds over all of them, each in an order of its own."""
        taken = self.of_made * len(self)
        rounds = range(-(-taken // len(self.made))) if taken else ()
        orders = [streams.generator(self.seed, "made", self.epoch, k).permutation(self.made) for k in rounds]
        return np.concatenate(orders)[:taken].tolist() if orders else []


@dataclass(frozen=True)
class LoaderSettings:
    """How batches are made and where they go; workers: processes that load them, 0 for none but this one; mixed: what
    of a batch was made up."""

    batch_size: int
    seed: int
    device: torch.device
    workers: int
    mixed: Mixture | None = None


class Batches:
    """Batches of a dataset, epoch by epoch; its `__getitems__` makes one of a list of (epoch, i)."""

    def __init__(self, dataset: Dataset, settings: LoaderSettings):
        self.order = EpochOrder(len(dataset), settings.batch_size, settings.seed, settings.mixed)  # type: ignore[arg-type]
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
        return iter(self.loader) if ranks.count() == 1 else map(whole, self.loader)


def whole(share: Batch) -> Batch:
    """The batch of which each process has a share: rows in the order of the processes, as long as the longest, zeros
    behind the shorter ones; of what has no rows (), the first one's."""
    parts = ranks.gathered({name: tensor.numpy() for name, tensor in share.items()})
    return {name: torch.from_numpy(_rows([part[name] for part in parts])) for name in share}


def _rows(parts: Sequence[np.ndarray]) -> np.ndarray:
    if parts[0].ndim == 0:
        return parts[0]
    longest = np.max([part.shape[1:] for part in parts], axis=0).astype(int)
    rows = np.zeros((sum(map(len, parts)), *longest), parts[0].dtype)
    first = 0
    for part in parts:
        rows[(slice(first, first + len(part)), *map(slice, part.shape[1:]))] = part
        first += len(part)
    return rows


def _as_it_is(batch: Any) -> Any:
    return batch
