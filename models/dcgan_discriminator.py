"""The discriminator of a published augmentation GAN on log-mel spectrograms, kept as a baseline.

    spectrograms (B, F, T)
      4 convolutions, 4 x 4, stride 2   of 32, 64, 128 and 256 channels, batch norm from the second on, leaky ReLU
      all of it and the condition       (B, 256 (F / 16) (T / 16) + D)
      linear map, leaky ReLU, dropout   (B, 512)
    logits (B,)

Source: the executed notebook ast/ast_with_gans.ipynb of github.com/winzerprince/sentio, whose 84,578,145 parameters
CONFIGS["reference"] has with a condition of two dimensions: 99 % of them in one linear map, in which the condition is 2
of 163,842 inputs. Its sigmoid is in the loss.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

WIDTHS = (1, 32, 64, 128, 256)
HIDDEN = 512
SLOPE = 0.2  # of leaky ReLU


@dataclass(frozen=True)
class DiscriminatorConfig:
    """bands, frames of a spectrogram, 16 or more; dropout."""

    bands: int
    frames: int
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if min(self.bands, self.frames) < 16 or not 0 <= self.dropout < 1:
            raise ValueError(f"{self}: expected 16 bands and frames or more, dropout from 0 to below 1")


CONFIGS = {"quick": DiscriminatorConfig(bands=64, frames=128), "reference": DiscriminatorConfig(bands=128, frames=1292)}


class DcganDiscriminator(nn.Module):
    """spectrograms (B, F, T), condition (B, D) -> logits (B,): higher is more real."""

    def __init__(self, config: DiscriminatorConfig, outputs: int):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, channels in itertools.pairwise(WIDTHS):
            layers.append(nn.Conv2d(inputs, channels, 4, stride=2, padding=1))
            layers += [nn.BatchNorm2d(channels)] if inputs > 1 else []
            layers.append(nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        size = WIDTHS[-1] * (config.bands // 16) * (config.frames // 16)
        self.head = nn.Sequential(
            nn.Linear(size + outputs, HIDDEN), nn.LeakyReLU(SLOPE), nn.Dropout(config.dropout), nn.Linear(HIDDEN, 1)
        )

    def forward(self, spectrograms: Tensor, condition: Tensor) -> Tensor:
        """Of the config's bands and frames."""
        return self.head(torch.cat([self.layers(spectrograms[:, None]), condition], dim=1))[:, 0]


def build(config: DiscriminatorConfig, outputs: int) -> DcganDiscriminator:
    """See `models`; outputs: dimensions of the condition."""
    return DcganDiscriminator(config, outputs)
