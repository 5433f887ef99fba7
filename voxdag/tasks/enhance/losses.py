"""What an enhancer is trained to lower: distances of its wave from the clean one, and what a discriminator objects to.

    S = STFT of a wave: periodic Hann window of 512 samples (32 ms), hop 128 (8 ms), sums as they come, not normalised

    real_imaginary   mean |Re S - Re C| and |Im S - Im C|
    magnitude        mean ||S|^0.3 - |C|^0.3|
    time             mean |s - c|
    reconstruction   their weighted sum: 0.45, 0.45, 0.10 unless the parameters say otherwise

Source: the reference recipe (Fazazl2020/Trinet, train_improved.py), after Cao et al., CMGAN, Interspeech 2022. The real
and imaginary parts are those of the spectrum as it is. |S| is sqrt(re^2 + im^2 + 1e-10), whose power has a gradient
below 1e3 everywhere; the recipe's (|S| + 1e-10)^0.3 reaches 3e6 near silence.

The discriminator's part of the loss begins with the epoch `start` and rises linearly over `warmup` epochs, step by
step. Both are numbers of epochs, never shares of the training: a longer training has the same schedule.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voxdag.core import bounds

WINDOW, HOP = 512, 128  # samples at 16 kHz
EXPONENT = 0.3  # of compressed magnitudes
FLOOR = 1e-10  # of powers, before a power of them is taken


@dataclass(frozen=True)
class Weights:
    """Of the terms of the reconstruction loss."""

    real_imaginary: float
    magnitude: float
    time: float

    def __post_init__(self) -> None:
        bounds.at_least(self, 0, "real_imaginary", "magnitude", "time")


@dataclass(frozen=True)
class Adversarial:
    """The weight of the discriminator's part.

    weight  at the end of the warm-up
    start   epochs before it: 0 for none
    warmup  epochs in which it rises; 0: it is whole from the start
    """

    weight: float
    start: int
    warmup: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 0, "weight", "start", "warmup")

    def at(self, epochs: float) -> float:
        """The weight when so many epochs are done."""
        if epochs < self.start:
            return 0.0
        return self.weight * min(1.0, (epochs - self.start) / self.warmup) if self.warmup else self.weight


def spectrum(waves: Tensor) -> Tensor:
    """(B, samples) -> (B, F, T, 2): real and imaginary parts."""
    window = torch.hann_window(WINDOW, device=waves.device)
    bins = torch.stft(waves, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)  # (B, F, T)
    return torch.view_as_real(bins)


def magnitudes(spectra: Tensor) -> Tensor:
    """(B, F, T, 2) -> (B, F, T): |S|^EXPONENT."""
    return (spectra.square().sum(-1) + FLOOR) ** (EXPONENT / 2)


def terms(enhanced: Tensor, clean: Tensor) -> dict[str, Tensor]:
    """The terms of the reconstruction loss of waves (B, samples): (B,) each."""
    made, wanted = spectrum(enhanced), spectrum(clean)
    return {
        "real_imaginary": (made - wanted).abs().mean((1, 2, 3)),
        "magnitude": (magnitudes(made) - magnitudes(wanted)).abs().mean((1, 2)),
        "time": (enhanced - clean).abs().mean(1),
    }


def reconstruction(parts: dict[str, Tensor], weights: Weights) -> Tensor:
    """The weighted sum of `terms`: (B,)."""
    return sum(getattr(weights, name) * value for name, value in parts.items())


def judged(said: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared distance of what a discriminator says, (B, M), from what is wanted of it; where that is missing
    (NaN) it has no part, and where all of it is the loss is 0."""
    known = ~wanted.isnan()
    distances = torch.where(known, said - torch.where(known, wanted, 0), 0).square()
    return distances.sum() / known.sum().clamp(min=1)
