"""Discriminator of log-mel spectrograms under a condition: residual convolutions, a projection.

    spectrograms (B, F, T)
      cells laid out as channels, convolution    (B, C, F / 4, T / 4) where a cell is 4 x 4 values
      residual blocks                            a mean over 2 x 2 before each but the first, which doubles the
                                                 channels, down to F / 16 and T / 16
      deviation over the batch                   one channel more
      convolution, mean over bands and frames    (B, 4 C)
    logits (B,) = linear map + inner product with what the condition is mapped to

Source: Huang et al., R3GAN, NeurIPS 2024, arXiv 2501.05441 (no normalisation, residual blocks); Miyato and Koyama,
"cGANs with projection discriminator", ICLR 2018; Karras et al., "Progressive growing of GANs", ICLR 2018 (deviation
over the batch). Sizes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEP = 16  # the lowest resolution is this part of the spectrogram's
CELLS = (2, 4, 8)  # values of a cell in each direction
SLOPE = 0.2  # of leaky ReLU
TINY = 1e-8


@dataclass(frozen=True)
class DiscriminatorConfig:
    """channels at the highest resolution, where a value stands for `cell` x `cell` of the spectrogram; hidden:
    dimensions between condition and projection."""

    channels: int
    cell: int
    hidden: int = 64

    def __post_init__(self) -> None:
        if min(self.channels, self.hidden) < 1:
            raise ValueError(f"{self}: expected channels and hidden of 1 or more")
        if self.cell not in CELLS:
            raise ValueError(f"cell is {self.cell}: expected one of {', '.join(map(str, CELLS))}")


CONFIGS = {
    "quick": DiscriminatorConfig(channels=16, cell=4),
    "small": DiscriminatorConfig(channels=32, cell=2, hidden=128),
}


class Block(nn.Module):
    """x + convolution(convolution(x))."""

    def __init__(self, inputs: int, outputs: int, downsample: bool):
        super().__init__()
        self.downsample = downsample
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.last = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, outputs, F, T), or half of that in both directions."""
        if self.downsample:
            maps = F.avg_pool2d(maps, 2)
        inner = self.first(F.leaky_relu(maps, SLOPE))
        return self.skip(maps) + self.last(F.leaky_relu(inner, SLOPE))


class MelDiscriminator(nn.Module):
    """spectrograms (B, F, T), condition (B, D) -> logits (B,): higher is more real. F and T are multiples of 16."""

    def __init__(self, config: DiscriminatorConfig, outputs: int):
        super().__init__()
        self.cell = config.cell
        widths = [config.channels * 2**i for i in range((STEP // config.cell).bit_length())]
        self.first = nn.Conv2d(config.cell**2, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            Block(widths[max(i - 1, 0)], widths[i], downsample=i > 0) for i in range(len(widths))
        )
        self.last = nn.Conv2d(widths[-1] + 1, widths[-1], 3, padding=1)
        self.logit = nn.Linear(widths[-1], 1)
        self.projection = nn.Sequential(
            nn.Linear(outputs, config.hidden), nn.LeakyReLU(SLOPE), nn.Linear(config.hidden, widths[-1], bias=False)
        )

    def forward(self, spectrograms: Tensor, condition: Tensor) -> Tensor:
        """Of a batch, all of it real or all of it made up: its deviation is one of the things that tell."""
        maps = self.first(F.pixel_unshuffle(spectrograms[:, None], self.cell))
        for block in self.blocks:
            maps = block(maps)
        maps = torch.cat([maps, deviation(maps)], dim=1)
        features = F.leaky_relu(self.last(F.leaky_relu(maps, SLOPE)), SLOPE).mean((2, 3))  # (B, last width)
        return self.logit(features)[:, 0] + (features * self.projection(condition)).sum(1)


def deviation(maps: Tensor) -> Tensor:
    """The standard deviation over the batch, a mean over places, as a channel: (B, C, F, T) -> (B, 1, F, T)."""
    mean = (maps.var(0, correction=0) + TINY).sqrt().mean()
    return mean.expand(len(maps), 1, *maps.shape[2:])


def build(config: DiscriminatorConfig, outputs: int) -> MelDiscriminator:
    """See `models`; outputs: dimensions of the condition."""
    return MelDiscriminator(config, outputs)
