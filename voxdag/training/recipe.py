"""How a system is trained: the section `train` of its block in params.yaml."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from voxdag.core.errors import Refused
from voxdag.training.averaging import Averaging
from voxdag.training.early_stopping import StoppingRules

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}  # L2 in the gradient; decoupled weight decay
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LEAST = {"epochs": 0, "batch_size": 1, "lr": 0, "lr_floor": 0, "warmup": 0, "weight_decay": 0, "max_nonfinite": 0}


@dataclass(frozen=True)
class Recipe:
    """How a learner's networks are trained.

    lr, lr_floor   peak and end of the schedule; warmup in steps
    clip_norm      of each optimizer's gradients; null: no clipping
    max_nonfinite  steps in a row that may skip an update whose loss or gradient is not finite
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

    def __post_init__(self) -> None:
        for value, name, table in (
            (self.optimizer, "optimizer", OPTIMIZERS),
            (self.precision, "precision", PRECISIONS),
        ):
            if value not in table:
                raise Refused(f"{name} is {value!r}, expected one of {', '.join(table)}")
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise Refused(f"{name} is {getattr(self, name)}, expected {least} or more")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise Refused(f"betas are {self.betas}, expected two numbers from 0 to below 1")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise Refused(f"clip_norm is {self.clip_norm}, expected more than 0, or null for no clipping")
