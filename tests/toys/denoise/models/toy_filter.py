"""A denoiser of two short convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """channels between the two; taps of each, odd."""

    channels: int
    taps: int


CONFIGS = {"small": Config(channels=4, taps=31)}


class ToyFilter(nn.Module):
    """waves -> convolution -> tanh -> convolution -> waves, each recording within its own length."""

    TAKES = "waves"

    def __init__(self, config: Config):
        super().__init__()
        self.first = nn.Conv1d(1, config.channels, config.taps, padding=config.taps // 2)
        self.last = nn.Conv1d(config.channels, 1, config.taps, padding=config.taps // 2)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        inside = (torch.arange(waves.shape[1], device=waves.device) < lengths[:, None]).unsqueeze(1)  # (B, 1, T)
        hidden = torch.tanh(self.first(waves.unsqueeze(1))) * inside  # (B, C, T)
        return (self.last(hidden) * inside).squeeze(1)  # (B, T)


def build(config: Config, outputs: int) -> ToyFilter:
    """A new network; it has one output, the wave."""
    return ToyFilter(config)
