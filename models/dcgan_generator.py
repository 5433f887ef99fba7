"""The generator of a published augmentation GAN on log-mel spectrograms, kept as a baseline.

    noise and condition, one vector                 (B, N + D)
      linear map, batch norm, ReLU                  (B, 256, F / 8, T / 64)
      3 transposed convolutions, 4 x 4, stride 2    of 128, 64 and 32 channels, batch norm, ReLU
      transposed convolution, 1 x 8, stride 1 x 8   one channel
      tanh, bilinear interpolation to T frames      (B, F, T)

Source: the executed notebook ast/ast_with_gans.ipynb of github.com/winzerprince/sentio, whose 9,290,657 parameters
CONFIGS["reference"] has with a condition of two dimensions. It ends in tanh while its recordings were z-scored, up to
6.6 deviations: what it makes is told apart by its range alone (docs/RESULTS.md).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (256, 128, 64, 32)
STRETCH = 8  # of the last transposed convolution, along time


@dataclass(frozen=True)
class GeneratorConfig:
    """bands of a spectrogram, a multiple of 8; frames: 64 or more; noise: its dimensions."""

    bands: int
    frames: int
    noise: int = 100

    def __post_init__(self) -> None:
        if self.bands < 8 or self.bands % 8 or self.frames < 64 or self.noise < 1:
            raise ValueError(f"{self}: expected bands that are a multiple of 8, 64 frames or more, noise of 1 or more")


CONFIGS = {"quick": GeneratorConfig(bands=64, frames=128), "reference": GeneratorConfig(bands=128, frames=1292)}


class DcganGenerator(nn.Module):
    """noise (B, N), condition (B, D) -> spectrograms (B, F, T) in -1..1."""

    def __init__(self, config: GeneratorConfig, outputs: int):
        super().__init__()
        self.config = config
        self.lowest = (WIDTHS[0], config.bands // 8, config.frames // (8 * STRETCH))
        size = self.lowest[0] * self.lowest[1] * self.lowest[2]
        self.first = nn.Sequential(nn.Linear(config.noise + outputs, size), nn.BatchNorm1d(size), nn.ReLU())
        layers: list[nn.Module] = []
        for inputs, channels in itertools.pairwise(WIDTHS):
            layers += [
                nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            ]
        last = nn.ConvTranspose2d(WIDTHS[-1], 1, (1, STRETCH), stride=(1, STRETCH))
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Noise is standard normal."""
        maps = self.layers(self.first(torch.cat([noise, condition], dim=1)).unflatten(1, self.lowest))
        size = (self.config.bands, self.config.frames)
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)[:, 0]


def build(config: GeneratorConfig, outputs: int) -> DcganGenerator:
    """See `models`; outputs: dimensions of the condition."""
    return DcganGenerator(config, outputs)
