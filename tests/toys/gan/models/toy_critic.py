"""A discriminator of descriptors, given their condition (Mirza and Osindero, 2014, arXiv:1411.1784)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """kinds of the condition, values of a descriptor, hidden units, and the dropout that keeps it from winning."""

    kinds: int
    descriptor: int
    hidden: int
    dropout: float


CONFIGS = {"small": Config(kinds=2, descriptor=2, hidden=16, dropout=0.2)}


class ToyCritic(nn.Module):
    """(condition, descriptor) -> logit that it is real."""

    def __init__(self, config: Config, outputs: int):
        super().__init__()
        inputs = config.kinds + config.descriptor
        self.layers = nn.Sequential(
            nn.Linear(inputs, config.hidden), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(config.hidden, outputs)
        )

    def forward(self, condition: Tensor, descriptor: Tensor) -> Tensor:
        return self.layers(torch.cat([condition, descriptor], dim=1))[:, 0]  # (B,)


def build(config: Config, outputs: int) -> ToyCritic:
    """A new discriminator."""
    return ToyCritic(config, outputs)
