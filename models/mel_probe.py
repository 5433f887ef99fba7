"""A small convolutional network on log-mel spectrograms that is asked something of them: a class, numbers, real or not.

    spectrograms (B, F, T)
      4 convolutions, 3 x 3, stride 2      C, 2 C, 4 C, 4 C channels, batch norm, ReLU
      mean and maximum over all places     (B, 8 C): the embedding
      dropout, linear map                  (B, outputs)

It is what others' programs measure made-up spectrograms by, at a size that a few hundred recordings teach: nothing of
ours is scored with it. After the classifier two-sample test of Lopez-Paz and Oquab, "Revisiting classifier two-sample
tests", ICLR 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LAYERS = (1, 2, 4, 4)  # channels of each convolution, in multiples of C


@dataclass(frozen=True)
class ProbeConfig:
    """channels of the first convolution; dropout."""

    channels: int
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.channels < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"{self}: expected 1 channel or more, dropout from 0 to below 1")


CONFIGS = {"quick": ProbeConfig(channels=16)}


class MelProbe(nn.Module):
    """spectrograms (B, F, T) of 16 bands and frames or more -> (embedding (B, 8 C), outputs (B, outputs))."""

    def __init__(self, config: ProbeConfig, outputs: int):
        super().__init__()
        widths = [1, *(config.channels * factor for factor in LAYERS)]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(widths[i], widths[i + 1], 3, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(widths[i + 1]),
                    nn.ReLU(),
                )
                for i in range(len(LAYERS))
            )
        )
        self.dropout, self.head = nn.Dropout(config.dropout), nn.Linear(2 * widths[-1], outputs)

    def forward(self, spectrograms: Tensor) -> tuple[Tensor, Tensor]:
        """Values of any scale that is the same in training."""
        maps = self.layers(spectrograms[:, None])
        embedding = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        return embedding, self.head(self.dropout(embedding))


def build(config: ProbeConfig, outputs: int) -> MelProbe:
    """See `models`."""
    return MelProbe(config, outputs)
