"""A frozen front end: a filter bank of waves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """taps of each filter, and samples from frame to frame."""

    taps: int
    hop: int


CONFIGS = {"small": Config(taps=80, hop=40)}


class ToyFront(nn.Module):
    """|convolution| of waves, the frames that lie within a recording."""

    TAKES = "waves"

    def __init__(self, config: Config, outputs: int):
        super().__init__()
        self.config = config
        self.filters = nn.Conv1d(1, outputs, config.taps, config.hop, bias=False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = torch.div(lengths - self.config.taps, self.config.hop, rounding_mode="floor") + 1
        return self.filters(waves.unsqueeze(1)).abs(), frames  # (B, outputs, T), (B,)


def build(config: Config, outputs: int) -> ToyFront:
    """A new network."""
    return ToyFront(config, outputs)
