"""A conditional generator of descriptors (Mirza and Osindero, 2014, arXiv:1411.1784)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """kinds of the condition, noise values beside it, hidden units."""

    kinds: int
    noise: int
    hidden: int


CONFIGS = {"small": Config(kinds=2, noise=3, hidden=16)}


class ToyGan(nn.Module):
    """(condition, noise) -> descriptor; the features are one frame."""

    TAKES = "features"

    def __init__(self, config: Config, outputs: int):
        super().__init__()
        self.config = config
        inputs = config.kinds + config.noise
        self.layers = nn.Sequential(nn.Linear(inputs, config.hidden), nn.ReLU(), nn.Linear(config.hidden, outputs))

    def forward(self, features: Tensor, frames: Tensor) -> Tensor:
        return self.layers(features[:, :, 0])  # (B, outputs)


def build(config: Config, outputs: int) -> ToyGan:
    """A new generator."""
    return ToyGan(config, outputs)
