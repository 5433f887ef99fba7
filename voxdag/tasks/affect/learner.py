"""Training an affect regression: random crops, SpecAugment, mixup, squared error and concordance, and the dev criteria
that select checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from voxdag.audio.augment import SpecAugment, mixup, spec_augment
from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Shards
from voxdag.data.synthetic import SYNTHETIC
from voxdag.tasks import scoring_loop
from voxdag.tasks.affect import criteria, inference
from voxdag.tasks.affect.data import targets
from voxdag.training.batches import Batch
from voxdag.training.learner import MAIN, Materials, OneLoss, Update

log = logging.getLogger(__name__)

LEAST_SPREAD = 1e-8  # of targets and outputs of a batch together, in which concordance has a meaning


@dataclass(frozen=True)
class LossWeights:
    """Of the mean squared error, and of 1 - CCC over the batch; means over the two dimensions."""

    mse: float
    ccc: float

    def __post_init__(self) -> None:
        bounds.at_least(self, 0, "mse", "ccc")
        if not self.mse + self.ccc > 0:
            raise Refused(f"mse is {self.mse} and ccc {self.ccc}, expected one of them above 0")


@dataclass(frozen=True)
class Settings:
    """crops           of each recording in an epoch, at the end of which dev is measured
    spec_augment    of the features; masks hold the mean of train
    mixup           alpha of the Beta distribution of the weights; 0: no mixup
    shuffle_labels  train on labels in random order: a control that must end at a CCC of 0 on dev
    """

    loss: LossWeights
    crops: int
    spec_augment: SpecAugment
    mixup: float
    shuffle_labels: bool

    def __post_init__(self) -> None:
        bounds.at_least(self, 0, "mixup")
        bounds.at_least(self, 1, "crops")


class RandomCrops(Dataset):
    """Crops of each recording, `crops` in an epoch, or all of one that is no longer, with its targets.

    An item is asked for as (epoch, i), i over all recordings as often as there are crops: where a crop starts is drawn
    from (seed, epoch, which crop, recording id) and from nothing else.
    """

    def __init__(self, recordings: PackedTrack, labels: np.ndarray, length: int, crops: int, seed: int):
        self.recordings, self.labels, self.length, self.crops, self.seed = recordings, labels, length, crops, seed

    def __len__(self) -> int:
        return self.crops * len(self.recordings)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """waves (B, N) int16, lengths (B,) samples, labels (B, 2), first (): the first item, epoch ()."""
        waves, lengths = scoring_loop.padded([self.crop(epoch, i) for epoch, i in items])
        rows = [i % len(self.recordings) for _, i in items]
        return {
            "waves": waves,
            "lengths": lengths,
            "labels": torch.from_numpy(self.labels[rows]),
            "first": torch.tensor(items[0][1]),
            "epoch": torch.tensor(items[0][0]),
        }

    def crop(self, epoch: int, i: int) -> np.ndarray:
        """What is heard as item i of this epoch: (length,) int16, or fewer; uniform over all that fit."""
        which, row = divmod(i, len(self.recordings))
        recording = self.recordings[row]
        spare = max(0, len(recording) - self.length)
        draw = streams.generator(self.seed, "crop", epoch * self.crops + which, self.recordings.ids[row])
        start = int(draw.integers(spare + 1))
        return recording[start : start + self.length]


class Regression(OneLoss):
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    HIGHER = criteria.HIGHER

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        train, dev, loader = materials.splits["train"], materials.splits["dev"], materials.loader
        if loader.batch_size < 2 and settings.loss.ccc:
            raise Refused(f"batch_size is {loader.batch_size}, expected 2 or more: one item has no concordance")
        labels = targets(train.index)
        if settings.shuffle_labels:
            labels = streams.generator(loader.seed, "shuffle_labels").permutation(labels)
        super().__init__(
            materials, RandomCrops(inference.waves(train), labels, scoring.samples, settings.crops, loader.seed)
        )
        self._inputs = inference.Inputs(self.network, scoring, self.device)
        for split, shards in (("train", train), ("dev", dev)):
            _log_short(split, inference.waves(shards), scoring.samples)
        mean, sd = inference.feature_statistics(inference.waves(_real(train)), scoring, self.device)
        self.network.feature_mean.fill_(mean)  # type: ignore[operator]
        self.network.feature_sd.fill_(sd)  # type: ignore[operator]
        self._dev, self._scoring, self._settings, self._seed = dev, scoring, settings, loader.seed

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """One update; the two parts of the loss, without their weights, stand beside it."""
        mse, one_minus_ccc = self.losses(batch)
        loss = update(MAIN, self._weighted(mse, one_minus_ccc))
        return {"loss": loss, "mse": mse.detach(), "one_minus_ccc": one_minus_ccc.detach()}

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """On the device: features (B, F, T), masked and mixed, and frames (B,)."""
        return self._mixed(batch)[:2]

    def loss(self, batch: Batch) -> Tensor:
        """The sum of the two parts with their weights."""
        return self._weighted(*self.losses(batch))

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean squared error, and 1 - CCC, of a batch: the means over the two dimensions."""
        features, frames, labels = self._mixed(batch)
        outputs = scoring_loop.logits(self.network, features, frames, outputs=inference.OUTPUT_SIZE).float()  # (B, 2)
        return (outputs - labels).square().mean(), 1 - concordance(labels, outputs).mean()

    def criteria(self) -> Mapping[str, float | None]:
        """CCC and RMSE on dev."""
        predictions = inference.predict(self.network, self._dev, self._scoring, self.device, {})
        return criteria.criteria(predictions)

    def _weighted(self, mse: Tensor, one_minus_ccc: Tensor) -> Tensor:
        weights = self._settings.loss
        return weights.mse * mse + weights.ccc * one_minus_ccc

    def _mixed(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and frames as `inputs` gives them, and labels (B, 2); draws depend on (seed, epoch, first
        recording)."""
        draw = streams.generator(self._seed, "batch", int(batch["epoch"]), int(batch["first"]))
        waves = scoring_loop.float_waves(batch["waves"], self.device)
        features, frames = self._inputs(waves, batch["lengths"].to(self.device))
        features = spec_augment(features, frames, self._settings.spec_augment, draw)  # the mean of train is 0 here
        labels, alpha = batch["labels"].to(self.device), self._settings.mixup
        return mixup(features, frames, labels, alpha, 1.0, draw) if alpha else (features, frames, labels)


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Regression:
    """The learner of a run. Nothing is fitted after training."""
    return Regression(materials, settings, scoring)


def concordance(labels: Tensor, outputs: Tensor) -> Tensor:
    """(2,): the concordance correlation coefficient of each dimension over a batch, (B, 2) each (see
    `voxdag.scoring.concordance`). Where all are alike, so that it is undefined, it is 0 and has no gradient."""
    from_labels, from_outputs = labels - labels.mean(0), outputs - outputs.mean(0)
    spread = from_labels.square().mean(0) + from_outputs.square().mean(0) + (labels.mean(0) - outputs.mean(0)).square()
    return 2 * (from_labels * from_outputs).mean(0) / spread.clamp(min=LEAST_SPREAD)


def _real(train: Shards) -> Shards:
    """Its recordings without those that were made up: features are standardised alike with them and without.

    Raises Refused where there is no other.
    """
    if SYNTHETIC not in train.index:
        return train
    real = (train.index[SYNTHETIC] != 1).to_numpy()
    if not real.any():
        raise Refused(f"all {len(train)} recordings of {train.folder} are synthetic, expected real ones among them")
    return train.chosen(real)


def _log_short(split: str, recordings: PackedTrack, samples: int) -> None:
    short = int((recordings.lengths < samples).sum())
    if short:
        log.info(
            "%s: %d of %d recordings are shorter than a crop of %d samples and heard whole, padded",
            split,
            short,
            len(recordings),
            samples,
        )
