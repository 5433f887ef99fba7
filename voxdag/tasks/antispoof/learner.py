"""Training a countermeasure: random crops, weighted cross entropy, and the dev criteria that select checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from voxdag.core import bounds, streams
from voxdag.tasks import scoring_loop
from voxdag.tasks.antispoof import inference
from voxdag.tasks.antispoof.criteria import criteria
from voxdag.tasks.antispoof.data import TASK, targets
from voxdag.training.batches import Batch, Crops
from voxdag.training.learner import Materials, OneLoss


@dataclass(frozen=True)
class Settings:
    """samples         length of a training crop at 16 kHz; a shorter recording is repeated
    class_weights   of the cross entropy: spoof, bona fide
    shuffle_labels  train on labels in random order: a control that must end at chance on dev
    """

    samples: int
    class_weights: tuple[float, float]
    shuffle_labels: bool

    def __post_init__(self) -> None:
        bounds.within(self, 1, inference.LONGEST, "samples")
        bounds.above(self, 0, "class_weights")


class Countermeasure(OneLoss):
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        train, loader = materials.splits["train"], materials.loader
        scoring_loop.check_takes(materials.network, inference.TAKES, TASK)
        labels = targets(train.index["label"])
        if settings.shuffle_labels:
            labels = streams.generator(loader.seed, "shuffle_labels").permutation(labels)
        super().__init__(materials, Crops(inference.waves(train), labels, settings.samples, loader.seed))
        self._dev, self._asv, self._scoring = materials.splits["dev"], materials.dev_tables.get("asv"), scoring
        self._weights = torch.tensor(settings.class_weights, device=self.device)

    def inputs(self, batch: Batch) -> tuple[Tensor]:
        """Waves (B, samples) in -1..1 on the device."""
        return (scoring_loop.float_waves(batch["waves"], self.device),)

    def loss(self, batch: Batch) -> Tensor:
        """Cross entropy, averaged with the class weights."""
        logits = scoring_loop.logits(self.network, *self.inputs(batch), outputs=inference.OUTPUT_SIZE)  # (B, 2)
        return F.cross_entropy(logits.float(), batch["labels"].to(self.device), self._weights)

    def criteria(self) -> dict[str, float | None]:
        """Dev EER and min t-DCF (legacy 2019 form, with the ASV scores of dev)."""
        return criteria(inference.predict(self.network, self._dev, self._scoring, self.device, {}), self._asv)


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Countermeasure:
    """The learner of a run. Nothing is fitted after training: scores are log odds, and their calibration is measured,
    not repaired."""
    return Countermeasure(materials, settings, scoring)
