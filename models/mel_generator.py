"""Generator of log-mel spectrograms from noise and a condition: residual convolutions without normalisation.

    noise (B, N), condition (B, D) -> style (B, S)
    noise, style
      linear map           the lowest resolution, (B, 4 C, F / 16, T / 16) where a cell is 4 x 4 values
      residual blocks      each but the first at twice the resolution of the one before, with half its channels, down to
                           C; the style scales what is between their two convolutions
      convolution          (B, 16, F / 4, T / 4), whose channels are laid out as the values of a cell
      tanh                 (B, F, T)

Source: Huang et al., "The GAN is dead; long live the GAN! A modern baseline GAN" (R3GAN), NeurIPS 2024, arXiv
2501.05441: no normalisation, leaky ReLU, residual blocks whose last convolution begins at zero. The scaling by a style
is that of Karras et al., "Analyzing and improving the image quality of StyleGAN", CVPR 2020, without demodulation;
pixels from channels: Shi et al., CVPR 2016. Sizes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEP = 16  # the lowest resolution is this part of the spectrogram's
CELLS = (2, 4, 8)  # values of a cell in each direction
SLOPE = 0.2  # of leaky ReLU


@dataclass(frozen=True)
class GeneratorConfig:
    """bands, frames of a spectrogram, multiples of 16; noise: its dimensions; channels at the highest resolution, where
    a value stands for `cell` x `cell` of the spectrogram; style: its dimensions."""

    bands: int
    frames: int
    noise: int
    channels: int
    cell: int
    style: int

    @property
    def widths(self) -> list[int]:
        """Channels of each resolution, from the lowest to the highest."""
        return [self.channels * 2**i for i in reversed(range((STEP // self.cell).bit_length()))]

    def __post_init__(self) -> None:
        if min(self.bands, self.frames) < STEP or self.bands % STEP or self.frames % STEP:
            raise ValueError(f"bands is {self.bands} and frames {self.frames}: expected multiples of {STEP}")
        if self.cell not in CELLS:
            raise ValueError(f"cell is {self.cell}: expected one of {', '.join(map(str, CELLS))}")
        if min(self.noise, self.channels, self.style) < 1:
            raise ValueError(f"{self}: expected noise, channels and style of 1 or more")


CONFIGS = {
    "quick": GeneratorConfig(bands=64, frames=128, noise=128, channels=16, cell=4, style=64),
    "small": GeneratorConfig(bands=64, frames=128, noise=256, channels=32, cell=2, style=128),
}


class Block(nn.Module):
    """x + convolution(scaled convolution(x)), the style's linear map giving the scales."""

    def __init__(self, inputs: int, outputs: int, style: int, upsample: bool):
        super().__init__()
        self.upsample = upsample
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.scale = nn.Linear(style, outputs)
        self.last = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """(B, inputs, F, T), (B, S) -> (B, outputs, F, T), or twice that in both directions."""
        if self.upsample:
            maps = F.interpolate(maps, scale_factor=2, mode="nearest")
        inner = self.first(F.leaky_relu(maps, SLOPE)) * (1 + self.scale(style))[:, :, None, None]
        return self.skip(maps) + self.last(F.leaky_relu(inner, SLOPE))


class MelGenerator(nn.Module):
    """noise (B, N), condition (B, D) -> spectrograms (B, F, T) in -1..1."""

    def __init__(self, config: GeneratorConfig, outputs: int):
        super().__init__()
        self.config = config
        widths = config.widths
        self.lowest = (widths[0], config.bands // STEP, config.frames // STEP)
        self.style = nn.Sequential(
            nn.Linear(config.noise + outputs, config.style),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.style, config.style),
            nn.LeakyReLU(SLOPE),
        )
        self.first = nn.Linear(config.noise + config.style, self.lowest[0] * self.lowest[1] * self.lowest[2])
        self.blocks = nn.ModuleList(
            Block(widths[max(i - 1, 0)], widths[i], config.style, upsample=i > 0) for i in range(len(widths))
        )
        self.last = nn.Conv2d(widths[-1], config.cell**2, 3, padding=1)

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Noise is standard normal."""
        style = self.style(torch.cat([noise, condition], dim=1))
        maps = self.first(torch.cat([noise, style], dim=1)).unflatten(1, self.lowest)
        for block in self.blocks:
            maps = block(maps, style)
        return torch.tanh(F.pixel_shuffle(self.last(F.leaky_relu(maps, SLOPE)), self.config.cell)[:, 0])


def build(config: GeneratorConfig, outputs: int) -> MelGenerator:
    """See `models`; outputs: dimensions of the condition."""
    return MelGenerator(config, outputs)
