"""Heads on the mean of features over time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """features in, and hidden units."""

    features: int
    hidden: int


CONFIGS = {"small": Config(features=6, hidden=8)}


class ToyHeads(nn.Module):
    """mean -> linear -> tanh -> linear; padding has no effect."""

    TAKES = "features"

    def __init__(self, config: Config, outputs: int):
        super().__init__()
        self.first, self.last = nn.Linear(config.features, config.hidden), nn.Linear(config.hidden, outputs)

    def forward(self, features: Tensor, frames: Tensor) -> Tensor:
        inside = torch.arange(features.shape[2], device=features.device) < frames[:, None]  # (B, T)
        mean = (features * inside.unsqueeze(1)).sum(2) / frames[:, None]  # (B, F)
        return self.last(torch.tanh(self.first(mean)))  # (B, outputs)


def build(config: Config, outputs: int) -> ToyHeads:
    """A new network."""
    return ToyHeads(config, outputs)
