"""When a GAN has collapsed: the discriminator tells all, or the generator makes one thing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voxdag.core import bounds
from voxdag.core.errors import Refused


class Collapsed(Refused):
    """A GAN of which nothing is to be expected."""


@dataclass(frozen=True)
class Limits:
    """accuracy   of the discriminator on real and on fakes, both, above which it tells all
    epochs     in a row in which it does
    diversity  the distance between two fakes, as a share of that between two real recordings, below which all are one
               when training has ended
    """

    accuracy: float
    epochs: int
    diversity: float

    def __post_init__(self) -> None:
        bounds.share(self, "accuracy", "diversity")
        bounds.at_least(self, 1, "epochs")


@dataclass
class Watch:
    """What was seen so far, a part of an unfinished run's state.

    steps, told_real, told_fake, losses  of the epoch: sums of the accuracies and of both losses
    in_a_row                             epochs in which the discriminator told all
    """

    steps: int = 0
    told_real: float = 0.0
    told_fake: float = 0.0
    discriminator: float = 0.0
    generator: float = 0.0
    in_a_row: int = 0

    def add(self, real: float, fake: float, discriminator: float, generator: float) -> None:
        """Take in a step: accuracies and losses."""
        self.steps += 1
        self.told_real, self.told_fake = self.told_real + real, self.told_fake + fake
        self.discriminator, self.generator = self.discriminator + discriminator, self.generator + generator

    def end_epoch(self, limits: Limits, diversity: float | None) -> None:
        """Count an epoch and begin the next.

        diversity: of what the generator makes, at the end of the last epoch.

        Raises Collapsed, with what was seen.
        """
        steps = max(self.steps, 1)
        real, fake = self.told_real / steps, self.told_fake / steps
        losses = f"losses {self.discriminator / steps:.3g} (discriminator) and {self.generator / steps:.3g} (generator)"
        tells_all = min(real, fake) > limits.accuracy
        self.in_a_row = self.in_a_row + 1 if tells_all else 0
        self.steps, self.told_real, self.told_fake, self.discriminator, self.generator = 0, 0.0, 0.0, 0.0, 0.0
        if self.in_a_row >= limits.epochs:
            raise Collapsed(
                f"the GAN has collapsed: for {self.in_a_row} epochs the discriminator told more than "
                f"{limits.accuracy:g} of real and of fake recordings (now {real:.3f} and {fake:.3f}), {losses}: the "
                "generator learns nothing from it"
            )
        if diversity is not None and not diversity >= limits.diversity:
            raise Collapsed(
                f"the GAN has collapsed: two recordings that it makes lie {diversity:.3g} as far apart as two of train "
                f"(diversity is {limits.diversity:g}), {losses}: it makes the same of any noise"
            )


def distance(spectrograms: Tensor) -> float:
    """The mean distance (root mean square over bands and frames) of each of (B, F, T) to the next."""
    others = torch.roll(spectrograms, 1, 0)
    return float((spectrograms - others).square().mean((1, 2)).sqrt().mean())
