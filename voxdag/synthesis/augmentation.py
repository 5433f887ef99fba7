"""What a discriminator sees of spectrograms, real and fake alike, so that it cannot learn few of them by heart.

Each change is made to an item with a probability, below 1, so that the generator does not learn to make changed ones:
a roll along time, a rectangle that is cut out, and another level. All are differentiable.
Source: Zhao et al., "Differentiable augmentation for data-efficient GAN training", NeurIPS 2020; Karras et al.,
"Training generative adversarial networks with limited data", NeurIPS 2020, arXiv 2006.06676 (a probability below 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voxdag.core import bounds

MOST = 0.8  # of the probability: above, changes leak into what is made


@dataclass(frozen=True)
class Augmentation:
    """probability  of each change
    roll         share of the frames that a spectrogram is rolled by at most, to either side
    cutout       share of the bands and of the frames that the rectangle spans at most
    gain         that is added at most, of values in -1..1, to either side
    """

    probability: float
    roll: float
    cutout: float
    gain: float

    def __post_init__(self) -> None:
        bounds.within(self, 0, MOST, "probability")
        bounds.share(self, "roll", "cutout", "gain")

    def __call__(self, spectrograms: Tensor) -> Tensor:
        """(B, F, T) -> (B, F, T); draws from torch's generator."""
        if self.probability == 0:
            return spectrograms
        count, bands, frames = spectrograms.shape
        draw = torch.rand(count, 8, device=spectrograms.device)
        asked = draw[:, :3] < self.probability
        shift = ((2 * draw[:, 3] - 1) * self.roll * frames).round().long() * asked[:, 0]
        places = (torch.arange(frames, device=draw.device) - shift[:, None]) % frames  # (B, T)
        rolled = spectrograms.gather(2, places[:, None].expand(-1, bands, -1))
        louder = rolled + ((2 * draw[:, 4] - 1) * self.gain * asked[:, 1])[:, None, None]
        hole = _span(draw[:, 5], self.cutout, bands)[:, :, None] & _span(draw[:, 6], self.cutout, frames)[:, None]
        return louder.masked_fill(hole & asked[:, 2, None, None], 0.0)


def _span(draw: Tensor, share: float, total: int) -> Tensor:
    """(B, total) bool: `share` of the places, the middle drawn."""
    middle = draw[:, None] * total
    return (torch.arange(total, device=draw.device) + 0.5 - middle).abs() < share * total / 2
