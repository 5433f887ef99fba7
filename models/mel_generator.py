"""Generator of log-mel spectrograms from noise and a condition: residual convolutions without normalisation.

    noise (B, N), condition (B, D) -> style (B, S)
      linear map           (B, 8 C, F / 16, T / 16)
      4 residual blocks    of 8 C, 4 C, 2 C and C channels, each but the first at twice the resolution of the one
                           before; the style scales what is between their two convolutions
      convolution          (B, 4, F / 2, T / 2), whose channels are laid out as pixels
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

STAGES = 4  # resolutions, the lowest a sixteenth of the spectrogram's
SLOPE = 0.2  # of leaky ReLU


@dataclass(frozen=True)
class GeneratorConfig:
    """bands, frames of a spectrogram, multiples of 16; noise: its dimensions; channels at the highest resolution;
    style: its dimensions."""

    bands: int
    frames: int
    noise: int
    channels: int
    style: int

    def __post_init__(self) -> None:
        step = 2**STAGES
        if min(self.bands, self.frames) < step or self.bands % step or self.frames % step:
            raise ValueError(f"bands is {self.bands} and frames {self.frames}: expected multiples of {step}")
        if min(self.noise, self.channels, self.style) < 1:
            raise ValueError(f"{self}: expected noise, channels and style of 1 or more")


CONFIGS = {
    "quick": GeneratorConfig(bands=64, frames=128, noise=64, channels=12, style=64),
    "small": GeneratorConfig(bands=64, frames=128, noise=100, channels=24, style=128),
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
        widths = [config.channels * 2**i for i in reversed(range(STAGES))]
        self.lowest = (widths[0], config.bands // 2**STAGES, config.frames // 2**STAGES)
        self.style = nn.Sequential(
            nn.Linear(config.noise + outputs, config.style),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.style, config.style),
            nn.LeakyReLU(SLOPE),
        )
        self.first = nn.Linear(config.style, self.lowest[0] * self.lowest[1] * self.lowest[2])
        self.blocks = nn.ModuleList(
            Block(widths[max(i - 1, 0)], widths[i], config.style, upsample=i > 0) for i in range(STAGES)
        )
        self.last = nn.Conv2d(widths[-1], 4, 3, padding=1)

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Noise is standard normal."""
        style = self.style(torch.cat([noise, condition], dim=1))
        maps = self.first(style).unflatten(1, self.lowest)
        for block in self.blocks:
            maps = block(maps, style)
        return torch.tanh(F.pixel_shuffle(self.last(F.leaky_relu(maps, SLOPE)), 2)[:, 0])


def build(config: GeneratorConfig, outputs: int) -> MelGenerator:
    """See `models`; outputs: dimensions of the condition."""
    return MelGenerator(config, outputs)
