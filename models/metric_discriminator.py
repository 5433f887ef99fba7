"""Metric discriminator: what a metric says of speech beside its reference, guessed from both of their spectra.

    magnitudes of reference and judged, to a power: (B, 2, F, T)
      4 convolutions, 4 x 4, stride 2    spectral norm, instance norm, PReLU
      maximum over bins and frames       (B, C)
      linear map, dropout, PReLU, linear map, sigmoid up to `top` with a slope of its own for each metric
    one number a metric, on a scale where a perfect recording has about 1: (B, outputs)

Source: Cao, Abdulatif and Yang, "CMGAN: Conformer-based Metric GAN for Speech Enhancement", Interspeech 2022, arXiv
2203.15149, and its program (ruizhecao96/CMGAN, src/models/discriminator.py), whose 181,650 parameters it has with one
output; after Fu et al., "MetricGAN", ICML 2019, arXiv 1905.04874. Departures: several metrics are outputs of one
network (ours); the sigmoid's top is 1.2, not 1, since PESQ of equal recordings is 4.64, (4.64 - 1) / 3.5 = 1.04 as a
label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

CONVOLUTIONS = 4


@dataclass(frozen=True)
class DiscriminatorConfig:
    """channels of the first convolution, which each of the others doubles; dropout; top of the sigmoid."""

    channels: int
    dropout: float = 0.3
    top: float = 1.2

    def __post_init__(self) -> None:
        if self.channels < 1 or not 0 <= self.dropout < 1 or self.top <= 0:
            raise ValueError(f"{self}: expected 1 channel or more, dropout from 0 to below 1, top above 0")


CONFIGS = {"cmgan": DiscriminatorConfig(channels=16), "half": DiscriminatorConfig(channels=8)}


def convolution(channels: int, outputs: int) -> nn.Sequential:
    """(B, channels, F, T) -> (B, outputs, F / 2, T / 2), rounded down."""
    kernel = nn.Conv2d(channels, outputs, kernel_size=4, stride=2, padding=1, bias=False)
    return nn.Sequential(spectral_norm(kernel), nn.InstanceNorm2d(outputs, affine=True), nn.PReLU(outputs))


class MetricDiscriminator(nn.Module):
    """reference (B, F, T), judged (B, F, T) -> (B, outputs), of FRAMES or more."""

    FRAMES = 2**CONVOLUTIONS  # each convolution halves them

    def __init__(self, config: DiscriminatorConfig, outputs: int):
        super().__init__()
        self.top = config.top
        widths = [2, *(config.channels * 2**i for i in range(CONVOLUTIONS))]
        last, hidden = widths[-1], widths[-1] // 2
        self.convolutions = nn.Sequential(*(convolution(widths[i], widths[i + 1]) for i in range(CONVOLUTIONS)))
        self.head = nn.Sequential(
            spectral_norm(nn.Linear(last, hidden)),
            nn.Dropout(config.dropout),
            nn.PReLU(hidden),
            spectral_norm(nn.Linear(hidden, outputs)),
        )
        self.slope = nn.Parameter(torch.ones(outputs))

    def forward(self, reference: Tensor, judged: Tensor) -> Tensor:
        """Magnitudes to a power."""
        maps = self.convolutions(torch.stack([reference, judged], dim=1))  # (B, C, F / 16, T / 16)
        return self.top * torch.sigmoid(self.slope * self.head(maps.amax((2, 3))))


def build(config: DiscriminatorConfig, outputs: int) -> MetricDiscriminator:
    """See `models`."""
    return MetricDiscriminator(config, outputs)
