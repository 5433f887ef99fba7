"""Training a denoiser: the squared error of crops of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from voxdag.audio.segments import fit_length
from voxdag.data.shards import PackedTrack
from voxdag.tasks import scoring_loop
from voxdag.tasks.denoise import criteria, inference
from voxdag.tasks.scoring_loop import float_waves
from voxdag.training.batches import Batch, Crops
from voxdag.training.learner import Materials, OneLoss


@dataclass(frozen=True)
class Settings:
    """samples: of a training crop."""

    samples: int


class Pairs(Crops):
    """Crops of noisy and clean recordings at the same place."""

    def __init__(self, noisy: PackedTrack, clean: PackedTrack, length: int, seed: int):
        super().__init__(noisy, np.zeros(len(noisy), np.int64), length, seed)
        self.clean = clean

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """noisy, clean (B, length) int16."""
        starts = [self.start(epoch, i) for epoch, i in items]
        return {
            name: torch.from_numpy(
                np.stack(
                    [fit_length(track[i], start, self.length) for (_, i), start in zip(items, starts, strict=True)]
                )
            )
            for name, track in {"noisy": self.recordings, "clean": self.clean}.items()
        }


class Denoiser(OneLoss):
    """The task's learner."""

    HIGHER = criteria.HIGHER

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        scoring_loop.check_takes(materials.network, inference.TAKES, inference.TASK)
        noisy, clean = (inference.track(materials.splits["train"], name) for name in ("noisy", "clean"))
        super().__init__(materials, Pairs(noisy, clean, settings.samples, materials.loader.seed))
        self._dev, self._scoring = materials.splits["dev"], scoring

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Waves (B, T) and lengths (B,)."""
        noisy = float_waves(batch["noisy"], self.device)
        return noisy, torch.full((len(noisy),), noisy.shape[1], device=self.device)

    def loss(self, batch: Batch) -> Tensor:
        """The mean squared error."""
        return ((self.network(*self.inputs(batch)) - float_waves(batch["clean"], self.device)) ** 2).mean()

    def criteria(self) -> dict[str, float | None]:
        """Those of the predictions of dev."""
        return criteria.criteria(inference.predict(self.network, self._dev, self._scoring, self.device, {}))


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Denoiser:
    """The learner of a run."""
    return Denoiser(materials, settings, scoring)
