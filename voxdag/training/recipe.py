"""How a system is trained: the section `train` of its block in params.yaml."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.training.averaging import Averaging
from voxdag.training.early_stopping import StoppingRules

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}  # L2 in the gradient; decoupled weight decay
PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
TF32 = frozenset(PRECISIONS) - {"fp32"}  # the precisions in which what is left in float32 may be rounded too


@dataclass(frozen=True)
class Recipe:
    """How a learner's networks are trained.

    lr, lr_floor   peak and end of the schedule; warmup in steps
    clip_norm      of each optimizer's gradients; null: no clipping
    precision      of training; dev and eval are scored in fp32. tf32: a GPU rounds the factors of products and
                   convolutions to TF32, as torch does by itself for convolutions; bf16, fp16: autocast
    max_nonfinite  steps in a row that may skip an update whose loss or gradient is not finite
    synthetic_share  of a batch, of recordings that were made up, where train has some; half at most
    log_every      steps from one that events.jsonl has to the next; null: as many as give 10,000 of them at most
    """

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    lr_floor: float
    warmup: int
    betas: tuple[float, float]
    weight_decay: float
    clip_norm: float | None
    precision: str
    max_nonfinite: int
    averaging: Averaging
    stopping: StoppingRules
    synthetic_share: float | None = None
    log_every: int | None = None

    def __post_init__(self) -> None:
        bounds.one_of(self, OPTIMIZERS, "optimizer")
        bounds.one_of(self, PRECISIONS, "precision")
        bounds.at_least(self, 1, "batch_size", "log_every")
        bounds.above(self, 0, "lr", "clip_norm")
        bounds.at_least(self, 0, "epochs", "lr_floor", "warmup", "weight_decay", "max_nonfinite")
        bounds.below(self, 0, 1, "betas")
        if self.lr_floor > self.lr:
            raise Refused(f"lr_floor is {self.lr_floor}, expected at most lr, {self.lr}")
