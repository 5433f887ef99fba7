"""A countermeasure that pools statistics over a weighted sum of its front end's layers.

    wave (B, T)
      front end        each of its L layers says frames              (B, D, T') each
      weighted sum     by the softmax of L weights                   (B, D, T')
      pooling          mean and standard deviation over frames       (B, 2 D)
      projection       linear, ReLU, dropout, once for each size     (B, E): the embedding
      head             linear                                        (B, outputs)

The form that speech processing tasks give to self-supervised front ends (see pooling), with a front end of ours, for a
CPU: log energies of bands of equal width, of which each band's mean over the crop is taken out (a channel's constant
colour), and 3 x 3 convolutions, each of which is a layer. All frames of a crop are pooled, none of them is padding: a
recording that is shorter is repeated, as for AASIST.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from models.pooling import WeightedSum, projection, statistics

SAMPLE_RATE = 16_000  # Hz
FFT, WINDOW, HOP = 512, 400, 160  # samples: 25 ms every 10
FLOOR = 1e-7  # power that is added before the logarithm
HALVING = 2  # layers that halve the frames


@dataclass(frozen=True)
class LayerPoolingConfig:
    """bands        of the spectrogram, from 0 to 8,000 Hz
    channels     of each convolution, one a layer; each halves the bands, the first HALVING of them the frames
    width        D, of every layer
    projection   sizes of the linear maps behind the pooling; the last is the embedding's
    dropout      in the projection
    """

    bands: int = 64
    channels: tuple[int, ...] = (16, 32, 32, 32)
    width: int = 48
    projection: tuple[int, ...] = (64,)
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if not (self.channels and self.projection):
            raise ValueError(f"channels {self.channels}, projection {self.projection}: expected one at least of both")
        if min(self.bands, self.width, *self.channels, *self.projection) < 1:
            raise ValueError(f"{self}: expected sizes of 1 or more")
        halved = 2 ** len(self.channels)
        if self.bands % halved:
            raise ValueError(f"bands is {self.bands}, expected a multiple of {halved}: each layer halves them")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected from 0 to below 1")


def linear_bank(bands: int) -> Tensor:
    """Triangular bands of equal width from 0 Hz to half the rate: (FFT // 2 + 1, bands), each column's sum 1."""
    bins = torch.arange(FFT // 2 + 1) / (FFT // 2) * (bands + 1)  # in units of a band, 0 to bands + 1
    centres = torch.arange(1, bands + 1)
    weights = (1 - (bins[:, None] - centres).abs()).clamp(min=0)  # (bins, bands)
    return weights / weights.sum(0)


class Spectrogram(nn.Module):
    """Waves (B, T) of WINDOW samples or more -> the frames of each layer, (B, D, T') each."""

    window: Tensor
    bank: Tensor

    def __init__(self, config: LayerPoolingConfig):
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("bank", linear_bank(config.bands), persistent=False)
        sizes = (1, *config.channels)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=(2, 1 + (i < HALVING)), padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            )
            for i, (before, after) in enumerate(pairwise(sizes))
        )
        rows = [channels * config.bands // 2 ** (i + 1) for i, channels in enumerate(config.channels)]
        steps = [2 ** max(0, min(HALVING, len(rows)) - 1 - i) for i in range(len(rows))]  # to the last one's frames
        self.maps = nn.ModuleList(
            nn.Conv1d(count, config.width, 1, stride=step) for count, step in zip(rows, steps, strict=True)
        )

    def forward(self, wave: Tensor) -> list[Tensor]:
        """All layers at the frame rate of the last one: of a layer that has more, every second frame, or fourth."""
        spectra = torch.stft(wave, FFT, HOP, WINDOW, self.window, center=False, return_complex=True)
        power = spectra.real.square() + spectra.imag.square()  # (B, bins, T)
        energies = torch.log(self.bank.T @ power + FLOOR)  # (B, F, T)
        maps, found = (energies - energies.mean(2, keepdim=True))[:, None], []  # (B, 1, F, T)
        for layer, to_width in zip(self.layers, self.maps, strict=True):
            maps = layer(maps)  # (B, C, F', T')
            found.append(to_width(maps.flatten(1, 2)))  # (B, D, T')
        return found


CONFIGS = {"quick": LayerPoolingConfig()}


class LayerPooling(nn.Module):
    """See above."""

    TAKES = "wave"

    def __init__(self, config: LayerPoolingConfig, outputs: int):
        super().__init__()
        self.sum = WeightedSum(len(config.channels))
        self.front_end = Spectrogram(config)
        self.projection = projection((2 * config.width, *config.projection), config.dropout)
        self.head = nn.Linear(config.projection[-1], outputs)

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) -> embedding (B, E), logits (B, outputs). Raises ValueError for crops too short for a frame."""
        if wave.shape[1] < FFT:
            raise ValueError(f"crops of {wave.shape[1]} samples, expected {FFT} or more")
        layers = torch.stack(self.front_end(wave))  # (L, B, D, T')
        embedding = self.projection(statistics(self.sum(layers)))  # (B, E)
        return embedding, self.head(embedding)


def build(config: LayerPoolingConfig, outputs: int) -> LayerPooling:
    """See `models`."""
    return LayerPooling(config, outputs)
