"""Training a countermeasure: random crops, weighted cross entropy, heads of domains that it is trained against, and the
dev criteria that select checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.tasks import scoring_loop
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.augmentation import Augmentation, Augmented, Augmenter
from voxdag.tasks.antispoof.criteria import criteria
from voxdag.tasks.antispoof.data import TASK, targets
from voxdag.tasks.antispoof.domains import Domains, Opponents
from voxdag.training.batches import Batch, Crops, LoaderSettings
from voxdag.training.learner import MAIN, Materials, OneLoss, Update
from voxdag.training.optimizers import make_optimizer
from voxdag.training.seeding import seed_torch
from voxdag.training.versions import VersionCrops

DOMAINS = "domains"  # the networks that tell codecs and qualities


@dataclass(frozen=True)
class Settings:
    """samples         length of a training crop at 16 kHz; a shorter recording is repeated
    class_weights   of the cross entropy: spoof, bona fide
    shuffle_labels  train on labels in random order: a control that must end at chance on dev
    coded_share     of recordings in several versions (`coded` in params.yaml): the probability that a coded one is
                    heard in an epoch; None: every row of train is a recording of its own
    domains         heads that the network is trained to mislead; None: there are none
    augmentation    of the crops of train; None: they are heard as they are
    """

    samples: int
    class_weights: tuple[float, float]
    shuffle_labels: bool
    coded_share: float | None = None
    domains: Domains | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        bounds.within(self, 1, inference.LONGEST, "samples")
        bounds.above(self, 0, "class_weights")
        bounds.share(self, "coded_share")
        if self.domains is not None and not self.coded_share:
            raise Refused(f"coded_share is {self.coded_share}, and there are domains: expected coded speech to tell")


class Countermeasure(OneLoss):
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        train, loader = materials.splits["train"], materials.loader
        scoring_loop.check_takes(materials.network, inference.TAKES, TASK)
        labels = targets(train.index["label"])
        if settings.shuffle_labels:
            labels = streams.generator(loader.seed, "shuffle_labels").permutation(labels)
        super().__init__(materials, _crops(train, labels, settings, loader, materials.network))
        self._opposed = None
        if settings.domains is not None:
            seed_torch(loader.seed, DOMAINS)
            self._opposed = Opponents(settings.domains, train.index, self.device)
            self.networks |= {DOMAINS: self._opposed.networks}
            self.optimizers = {MAIN: make_optimizer(materials.recipe, nn.ModuleDict(self.networks))}
        self._steps, self._strength = materials.recipe.epochs * len(self), 0.0
        self._dev, self._asv, self._scoring = materials.splits["dev"], materials.dev_tables.get("asv"), scoring
        self._weights = torch.tensor(settings.class_weights, device=self.device)

    def inputs(self, batch: Batch) -> tuple[Tensor]:
        """Waves (B, samples) in -1..1, or what was embedded of such, on the device."""
        return (scoring_loop.float_waves(batch["waves"], self.device),)

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """One update, of the network and, where there are some, the heads that it misleads: those learn at full
        strength, and the network gets their gradient turned round."""
        if self._opposed is None:
            return super().step(batch, update)
        self._strength = self._opposed.settings.strength.at(update.step, self._steps)
        embedding, logits = scoring_loop.embedded(self.network, *self.inputs(batch), outputs=inference.OUTPUT_SIZE)
        of_domains, told = self._opposed.losses(embedding, batch["rows"], self._strength)
        of_task = self._cross_entropy(logits, batch)
        update(MAIN, of_task + of_domains)
        return {"loss": of_task.detach(), "domains": of_domains.detach(), "strength": self._strength, **told}

    def loss(self, batch: Batch) -> Tensor:
        """Cross entropy, averaged with the class weights."""
        logits = scoring_loop.logits(self.network, *self.inputs(batch), outputs=inference.OUTPUT_SIZE)  # (B, 2)
        return self._cross_entropy(logits, batch)

    def _cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(logits.float(), batch["labels"].to(self.device), self._weights)

    def criteria(self) -> Mapping[str, float | None]:
        """Dev EER and min t-DCF (legacy 2019 form, with the ASV scores of dev); NaN while a network that is to mislead
        heads is not yet trained to: those weights are another system's."""
        found = criteria(inference.predict(self.network, self._dev, self._scoring, self.device, {}), self._asv)
        if self._opposed is not None and self._strength == 0:
            return {name: None if value is None else math.nan for name, value in found.items()}
        return found

    def state(self) -> dict[str, object]:
        """The strength of the last step."""
        return {} if self._opposed is None else {"strength": self._strength}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from it."""
        self._strength = state.get("strength", 0.0)


def _crops(
    train: Shards, labels: np.ndarray, settings: Settings, loader: LoaderSettings, network: nn.Module
) -> Crops | Augmented:
    """Raises Refused as `VersionCrops` and `Augmenter` do, for versions of recordings that were made up, and for
    augmentation of what was embedded."""
    recordings = inference.heard(train, settings.samples, network)
    length = inference.length(recordings, settings.samples)
    if settings.coded_share is None:
        crops = Crops(recordings, labels, length, loader.seed)
        names: Sequence[str] | np.ndarray = recordings.ids
    elif loader.mixed is not None:
        raise Refused(f"coded_share is {settings.coded_share}, and some of train were made up: expected one of the two")
    else:
        versions = VersionCrops(recordings, train.index, labels, length, settings.coded_share, loader.seed)
        crops, names = versions, versions.names
    if settings.augmentation is None:
        return crops
    if inference.MOMENTS in train.tracks:
        raise Refused(f"augmentation is of waves, and {train.folder} holds what was embedded: expected null")
    return Augmented(crops, names, Augmenter(settings.augmentation), loader.seed)


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Countermeasure:
    """The learner of a run. Nothing is fitted after training: scores are log odds, and their calibration is measured,
    not repaired."""
    return Countermeasure(materials, settings, scoring)
