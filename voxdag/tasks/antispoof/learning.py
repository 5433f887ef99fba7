"""Training a countermeasure: random crops, weighted cross entropy, and the dev criteria that select checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxdag.audio.decode import INT16_SCALE
from voxdag.core import streams
from voxdag.data.shards import Shards
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.criteria import criteria
from voxdag.tasks.antispoof.data import targets
from voxdag.training.batches import Batches, Crops, Supply


@dataclass(frozen=True)
class Settings:
    """samples         length of a training crop at 16 kHz; a shorter recording is repeated
    class_weights   of the cross entropy: spoof, bona fide
    shuffle_labels  train on labels in random order: a control that must end at chance on dev
    """

    samples: int
    class_weights: tuple[float, float]
    shuffle_labels: bool


class Objective:
    """The task's part of the training loop (see `voxdag.training.loop.Objective`)."""

    HIGHER = frozenset()

    def __init__(
        self,
        splits: dict[str, Shards],
        dev_tables: dict[str, pd.DataFrame],
        settings: Settings,
        scoring: inference.Settings,
        supply: Supply,
    ):
        labels = targets(splits["train"].index["label"])
        if settings.shuffle_labels:
            labels = streams.generator(supply.seed, "shuffle_labels").permutation(labels)
        self._batches = Batches(Crops(splits["train"], labels, settings.samples, supply.seed), supply)
        self._dev, self._scoring, self._device = splits["dev"], scoring, supply.device
        self._asv = dev_tables.get("asv")
        self._weights = torch.tensor(settings.class_weights, device=supply.device)

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(waves (B, samples) int16, targets (B,) int64) of an epoch from batch `first` on."""
        return self._batches.epoch(epoch, first)

    def inputs(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor]:
        """Waves (B, samples) in -1..1 on the device; the transfer is of 16-bit samples."""
        return (batch[0].to(self._device, non_blocking=True).float() / INT16_SCALE,)

    def loss(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross entropy, averaged with the class weights."""
        _, logits = network(*self.inputs(batch))
        return F.cross_entropy(logits.float(), batch[1].to(self._device), self._weights)

    def criteria(self, network: nn.Module) -> dict[str, float]:
        """Dev EER and min t-DCF (legacy 2019 form, with the ASV scores of dev)."""
        return criteria(inference.predict(network, self._dev, self._scoring, self._device, {}), self._asv)

    def finish(self, network: nn.Module) -> None:
        """Nothing is fitted after training: scores are log odds, and their calibration is measured, not repaired."""
