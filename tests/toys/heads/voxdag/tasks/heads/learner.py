"""Training two heads on one trunk: each loss over the items that have its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.data.shards import Shards
from voxdag.tasks import scoring_loop
from voxdag.tasks.heads import criteria, inference
from voxdag.tasks.heads.data import LABELS
from voxdag.tasks.scoring_loop import padded
from voxdag.training.batches import Batch
from voxdag.training.learner import MAIN, Materials, OneLoss, Update, masked_mean


@dataclass(frozen=True)
class Settings:
    """level_weight: of the level's loss beside the label's."""

    level_weight: float


def targets(index: pd.DataFrame) -> dict[str, Tensor]:
    """label (n,) int64 and level (n,) float, 0 where unknown, and mask_label, mask_level (n,) bool."""
    known = {name: torch.tensor(index[name].notna().to_numpy(bool)) for name in ("label", "level")}
    label = index["label"].map({label: i for i, label in enumerate(LABELS)}).fillna(0).to_numpy(np.int64)
    level = index["level"].fillna(0).to_numpy(np.float32)
    masks = {f"mask_{name}": mask for name, mask in known.items()}
    return {"label": torch.tensor(label), "level": torch.tensor(level)} | masks


class Embedded(Dataset):
    """Embedded recordings and their targets."""

    def __init__(self, shards: Shards):
        self.embeddings, self.targets = inference.embeddings(shards), targets(shards.index)

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """embeddings (B, T, D) float16, frames (B,), and the targets with their masks (B,)."""
        rows = [i for _, i in items]
        embeddings, frames = padded([self.embeddings[i] for i in rows])
        return {"embeddings": embeddings, "frames": frames} | {name: held[rows] for name, held in self.targets.items()}


class TwoHeads(OneLoss):
    """The task's learner."""

    HIGHER = criteria.HIGHER

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        scoring_loop.check_takes(materials.network, inference.TAKES, inference.TASK)
        super().__init__(materials, Embedded(materials.splits["train"]))
        self._dev, self._settings, self._scoring = materials.splits["dev"], settings, scoring

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Embeddings (B, D, T) and frames (B,)."""
        return batch["embeddings"].to(self.device).float().transpose(1, 2), batch["frames"].to(self.device)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy of the label and squared error of the level."""
        said = self.network(*self.inputs(batch))
        target = {name: batch[name].to(self.device) for name in ("label", "level", "mask_label", "mask_level")}
        label = F.cross_entropy(said[:, : len(LABELS)], target["label"], reduction="none")
        level = (said[:, -1] - target["level"]) ** 2
        return {
            "label": masked_mean(label, target["mask_label"]),
            "level": masked_mean(level, target["mask_level"]),
        }

    def loss(self, batch: Batch) -> Tensor:
        """Their sum."""
        return self._sum(self.losses(batch))

    def step(self, batch: Batch, update: Update) -> dict[str, float | Tensor]:
        """One update; the history has both losses."""
        losses = self.losses(batch)
        return {"loss": update(MAIN, self._sum(losses))} | losses

    def criteria(self) -> dict[str, float | None]:
        """Those of the predictions of dev."""
        return criteria.criteria(inference.predict(self.network, self._dev, self._scoring, self.device, {}))

    def _sum(self, losses: Mapping[str, Tensor]) -> Tensor:
        return losses["label"] + self._settings.level_weight * losses["level"]


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> TwoHeads:
    """The learner of a run."""
    return TwoHeads(materials, settings, scoring)
