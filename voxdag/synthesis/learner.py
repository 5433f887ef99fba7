"""Training a generator of log-mels against a discriminator.

    a step   crops of train, under their conditions, moved             real, condition
             generator(noise, condition)                               fake
             discriminator: loss of both, both changed by augmentation; of real ones under others' conditions;
                            penalties every so many steps
             generator: loss; once more for each of `extra` where the discriminator told too many in this step
             average of the generator's weights, which is what makes recordings

Real and fake recordings of a step have the same conditions: those are the density of train's labels (see `conditions`).
It learns from train alone: there is no dev in it, and no checkpoint is chosen.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import INT16_SCALE, PackedTrack
from voxdag.networks.by_name import Further
from voxdag.synthesis import collapse
from voxdag.synthesis.augmentation import Augmentation
from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.losses import Loss, normalised
from voxdag.synthesis.mels import LogMel, Mels, Scaling
from voxdag.training.batches import Batch, Batches, Crops, LoaderSettings
from voxdag.training.learner import Update
from voxdag.training.optimizers import make_optimizer
from voxdag.training.recipe import Recipe
from voxdag.training.seeding import seed_torch

GENERATOR, DISCRIMINATOR, AVERAGE = "generator", "discriminator", "average"
TAKES = {GENERATOR: ("noise", "condition"), DISCRIMINATOR: ("spectrograms", "condition")}  # what a forward is given
SHOWN = 64  # recordings that diversity is measured on


@dataclass(frozen=True)
class Settings:
    """How a GAN is fitted.

    generator, discriminator  networks of models
    lr_ratios       of generator and discriminator to the recipe's learning rate
    decay           of both rates, an epoch
    average         of the generator's weights: the share of the mean that stays from step to step
    extra           updates of the generator more in a step in which the discriminator tells more than `extra_above` of
                    both kinds
    """

    generator: Further
    discriminator: Further
    loss: Loss
    augmentation: Augmentation
    lr_ratios: tuple[float, float]
    decay: float
    average: float
    extra: int
    extra_above: float
    collapse: collapse.Limits

    def __post_init__(self) -> None:
        bounds.above(self, 0, "lr_ratios")
        bounds.within(self, 0, 1, "decay", "extra_above")
        bounds.above(self, 0, "decay")
        bounds.below(self, 0, 1, "average")
        bounds.at_least(self, 0, "extra")
        if len(self.lr_ratios) != 2:
            raise Refused(f"lr_ratios is {list(self.lr_ratios)}, expected two: of generator and discriminator")


@dataclass(frozen=True)
class Materials:
    """What a GAN is fitted to: waves of train at `rate` Hz, in the order of `conditions`, and how they are seen."""

    waves: PackedTrack
    conditions: Conditions
    rate: int
    mels: Mels
    matched: bool
    seed: int
    device: torch.device
    workers: int


class Gan:
    """A learner (see `voxdag.training.learner.Learner`) of the loop."""

    HIGHER: frozenset[str] = frozenset()
    main = AVERAGE

    def __init__(self, materials: Materials, settings: Settings, recipe: Recipe):
        self.settings, self.conditions, self.device = settings, materials.conditions, materials.device
        self.seed = materials.seed
        self.log_mel = LogMel(materials.mels, materials.rate, self.device)
        self.scaling = Scaling.of(self._of_train(materials), materials.matched)
        self.networks: Mapping[str, nn.Module] = self._networks(materials)
        ratios = dict(zip((GENERATOR, DISCRIMINATOR), settings.lr_ratios, strict=True))
        self.optimizers: Mapping[str, Optimizer] = {
            name: make_optimizer(recipe, self.networks[name], {"": ratio}) for name, ratio in ratios.items()
        }
        self._ratios = ratios
        crops = Crops(materials.waves, np.arange(len(materials.waves)), materials.mels.samples, materials.seed)
        loader = LoaderSettings(recipe.batch_size, materials.seed, self.device, materials.workers)
        self._batches, self._crops = Batches(crops, loader), crops
        self.watch, self._epochs, self._done = collapse.Watch(), recipe.epochs, 0

    def _of_train(self, materials: Materials) -> Iterator[Tensor]:
        for i in range(len(materials.waves)):
            yield self.log_mel(torch.from_numpy(materials.waves.wave(i))[None].to(self.device))[0]

    def _networks(self, materials: Materials) -> dict[str, nn.Module]:
        """Raises Refused for networks that are none of a GAN on these spectrograms."""
        seed_torch(materials.seed, "weights")
        generator = _built(GENERATOR, self.settings.generator, self.conditions.size)
        discriminator = _built(DISCRIMINATOR, self.settings.discriminator, self.conditions.size)
        made = (generator.config.bands, generator.config.frames)  # type: ignore[union-attr]
        if made != (materials.mels.bands, materials.mels.frames):
            raise Refused(
                f"generator makes {made[0]} bands x {made[1]} frames, mels has {materials.mels.bands} x "
                f"{materials.mels.frames}: change one of them"
            )
        _check_sizes(discriminator, self.settings.discriminator.network, made, self.conditions.size)
        if self.settings.loss.spectral_norm:
            normalised(discriminator)
        found = {GENERATOR: generator, DISCRIMINATOR: discriminator, AVERAGE: copy.deepcopy(generator)}
        return {name: network.to(self.device) for name, network in found.items()}

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """Crops of an epoch from batch `first` on; `labels` are places in train."""
        return self._batches.epoch(epoch, first)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Noise and condition, as many as the batch has crops."""
        return self._noise(len(batch["labels"])), self._told(batch, 0)

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """The discriminator, then the generator."""
        self._decay(update.step // len(self))
        real, told = self.spectrograms(batch["waves"]), self._told(batch, update.step)
        fake = self.networks[GENERATOR](self._noise(len(real)), told)
        said = self._discriminate(real, fake.detach(), told, update)
        right = min(said["real_accuracy"], said["fake_accuracy"]) > self.settings.extra_above
        for turn in range(1 + self.settings.extra * right):
            made = fake if turn == 0 else self.networks[GENERATOR](self._noise(len(real)), told)
            said[GENERATOR] = update(GENERATOR, self._objection(real, made, told))
        self._add_to_average()
        self.watch.add(said["real_accuracy"], said["fake_accuracy"], said[DISCRIMINATOR], said[GENERATOR])
        return said

    def spectrograms(self, waves: Tensor) -> Tensor:
        """int16 (B, samples) -> values (B, F, T) in the generator's range."""
        return self.scaling.scale(self.log_mel(waves.to(self.device).float() / INT16_SCALE))

    def _discriminate(self, real: Tensor, fake: Tensor, told: Tensor, update: Update) -> dict[str, float]:
        """Update the discriminator: its loss, and how many of each kind it tells."""
        loss, penalised = self.settings.loss, self.settings.loss.penalised(update.step)
        seen = [self.settings.augmentation(spectrograms).requires_grad_(penalised) for spectrograms in (real, fake)]
        judge = self.networks[DISCRIMINATOR]
        of_real, of_fake = (judge(spectrograms, told) for spectrograms in seen)
        total = loss.discriminator(of_real, of_fake)
        others = told.roll(1, 0)  # the condition of the one before in the batch
        differ = (told != others).any(1)
        if loss.mismatched and differ.any():
            of_others = judge(seen[0], others)
            total = total + loss.mismatched * loss.discriminator(of_real[differ], of_others[differ])
        if penalised:
            total = total + loss.penalty(seen[0], seen[1], of_real, of_fake)
        middle = 0.0 if loss.form != "relativistic" else ((of_real.mean() + of_fake.mean()) / 2).detach()
        accuracies = torch.stack([(of_real > middle).float().mean(), (of_fake < middle).float().mean()]).tolist()
        return dict(zip(("real_accuracy", "fake_accuracy"), accuracies, strict=True)) | {
            DISCRIMINATOR: update(DISCRIMINATOR, total)
        }

    def _objection(self, real: Tensor, fake: Tensor, told: Tensor) -> Tensor:
        """The generator's loss."""
        judge, change = self.networks[DISCRIMINATOR], self.settings.augmentation
        of_real = judge(change(real), told) if self.settings.loss.form == "relativistic" else real.new_zeros(())
        return self.settings.loss.generator(of_real, judge(change(fake), told))

    def _told(self, batch: Batch, step: int) -> Tensor:
        rows = batch["labels"].numpy()
        return torch.from_numpy(self.conditions.near(rows, streams.generator(self.seed, "told", step))).to(self.device)

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.networks[GENERATOR].config.noise, device=self.device)  # type: ignore[arg-type, union-attr]

    def _decay(self, epoch: int) -> None:
        """Lower both learning rates: their ratios, of which the loop makes them, and the rates of this step."""
        for name, ratio in self._ratios.items():
            for group in self.optimizers[name].param_groups:
                faded = ratio * self.settings.decay**epoch
                group["lr"] *= faded / group["lr_ratio"]
                group["lr_ratio"] = faded

    @torch.no_grad()
    def _add_to_average(self) -> None:
        kept = self.settings.average
        pairs = zip(self.networks[AVERAGE].parameters(), self.networks[GENERATOR].parameters(), strict=True)
        for mean, now in pairs:
            mean.lerp_(now, 1 - kept)
        buffers = zip(self.networks[AVERAGE].buffers(), self.networks[GENERATOR].buffers(), strict=True)
        for held, latest in buffers:
            held.copy_(latest)

    def criteria(self) -> Mapping[str, float | None]:
        """None: nothing is chosen. Raises `collapse.Collapsed` where the GAN has."""
        self._done += 1
        self.watch.end_epoch(self.settings.collapse, self.diversity() if self._done == self._epochs else None)
        return {}

    def diversity(self) -> float:
        """How far two spectrograms that are made lie apart, as a share of that between two of train. Raises Refused
        where those do not differ."""
        rng = streams.generator(self.seed, "diversity")
        count = min(SHOWN, len(self.conditions))
        rows = rng.choice(len(self.conditions), count, replace=False)
        told = torch.from_numpy(self.conditions.near(rows, rng)).to(self.device)
        waves = self._crops.__getitems__([(0, int(row)) for row in rows])["waves"]
        noise = torch.from_numpy(rng.normal(size=(count, self.networks[AVERAGE].config.noise)).astype(np.float32))  # type: ignore[arg-type, union-attr]
        made = self.networks[AVERAGE](noise.to(self.device), told)
        apart = collapse.distance(self.spectrograms(waves))
        if apart == 0:
            raise Refused(f"{count} recordings of train sound the same: a generator has nothing to learn from them")
        return collapse.distance(made) / apart

    def calibrate(self, chosen_by: Collection[str]) -> None:
        """Nothing is fitted after training."""

    def state(self) -> dict[str, Any]:
        """What was seen of a collapse, and in how many epochs."""
        return {"watch": dict(vars(self.watch)), "done": self._done}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        self.watch, self._done = collapse.Watch(**state["watch"]), state["done"]


def _built(name: str, further: Further, size: int) -> nn.Module:
    """A network of a GAN, told conditions of `size`. Raises Refused for one that is given other things."""
    network = further.build(size)
    takes = tuple(inspect.signature(network.forward).parameters)
    if takes != TAKES[name]:
        expected = f"expected one that takes {' and '.join(TAKES[name])}"
        raise Refused(f"{name}.network is {further.network}, which takes {' and '.join(takes)}; {expected}")
    return network


def _check_sizes(discriminator: nn.Module, name: str, shape: tuple[int, int], size: int) -> None:
    """Raises Refused for a discriminator that does not take spectrograms of these bands and frames."""
    discriminator.eval()
    try:
        with torch.no_grad():
            discriminator(torch.zeros(1, *shape), torch.zeros(1, size))
    except RuntimeError as reason:
        said = str(reason).split("\n")[0]
        raise Refused(f"discriminator {name} takes no {shape[0]} bands x {shape[1]} frames: {said}") from None
