"""Training a regression: the squared error over whole recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from voxdag.data.shards import Shards
from voxdag.tasks import scoring_loop
from voxdag.tasks.regress import criteria, inference
from voxdag.tasks.scoring_loop import float_waves, padded
from voxdag.training.batches import Batch
from voxdag.training.learner import Materials, OneLoss


@dataclass(frozen=True)
class Settings:
    """The task has none."""


class Whole(Dataset):
    """Whole recordings and their labels."""

    def __init__(self, shards: Shards):
        self.waves = shards.waves(inference.RATE, inference.TASK)
        self.labels = torch.tensor(shards.index["label"].to_numpy(np.float32))

    def __len__(self) -> int:
        return len(self.waves)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """waves (B, T) int16, lengths (B,), labels (B,)."""
        rows = [i for _, i in items]
        waves, lengths = padded([self.waves[i] for i in rows])
        return {"waves": waves, "lengths": lengths, "labels": self.labels[rows]}


class Regression(OneLoss):
    """The task's learner."""

    HIGHER = criteria.HIGHER

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        scoring_loop.check_takes(materials.network, inference.TAKES, inference.TASK)
        super().__init__(materials, Whole(materials.splits["train"]))
        self._dev, self._scoring = materials.splits["dev"], scoring

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Waves (B, T) and lengths (B,)."""
        return float_waves(batch["waves"], self.device), batch["lengths"].to(self.device)

    def loss(self, batch: Batch) -> Tensor:
        """The mean squared error."""
        return ((self.network(*self.inputs(batch))[:, 0] - batch["labels"].to(self.device)) ** 2).mean()

    def criteria(self) -> dict[str, float | None]:
        """Those of the predictions of dev."""
        return criteria.criteria(inference.predict(self.network, self._dev, self._scoring, self.device, {}))


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Regression:
    """The learner of a run."""
    return Regression(materials, settings, scoring)
