"""Training an emotion recogniser: augmented recordings, mixup, weighted cross entropy with smoothed labels, and the dev
criteria that select checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.audio.augment import Augmentation, SpecAugment, augment, mixup, spec_augment
from voxdag.core import bounds, streams
from voxdag.data.shards import PackedTrack
from voxdag.tasks import scoring_loop
from voxdag.tasks.emotion import criteria, inference
from voxdag.tasks.emotion.data import LABELS, targets
from voxdag.training.batches import Batch
from voxdag.training.learner import Materials, OneLoss


@dataclass(frozen=True)
class Mixup:
    """share (0..1) of batches that are mixed, and alpha of the Beta distribution of the weights."""

    share: float
    alpha: float

    def __post_init__(self) -> None:
        bounds.share(self, "share")
        bounds.above(self, 0, "alpha")


@dataclass(frozen=True)
class Settings:
    """augmentation     of the waveform; spec_augment: of the features
    label_smoothing  share (0..1) of a target that is spread over the classes
    class_weights    balanced: N / (K n_k), or none
    shuffle_labels   train on labels in random order: a control that must end at chance on dev
    """

    augmentation: Augmentation
    spec_augment: SpecAugment
    mixup: Mixup
    label_smoothing: float
    class_weights: str
    shuffle_labels: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, ("balanced", "none"), "class_weights")
        bounds.below(self, 0, 1, "label_smoothing")


class Recordings(Dataset):
    """Whole recordings, augmented: each draw is a function of (seed, epoch, utterance id) and of nothing else."""

    def __init__(self, recordings: PackedTrack, labels: np.ndarray, augmentation: Augmentation, seed: int):
        self.recordings, self.labels, self.augmentation, self.seed = recordings, labels, augmentation, seed

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """waves (B, N) float32, lengths (B,) samples, labels (B,), rows (B,) of the index, epoch ()."""
        waves, lengths = scoring_loop.padded([self.augmented(epoch, i) for epoch, i in items])
        rows = np.array([i for _, i in items])
        return {
            "waves": waves,
            "lengths": lengths,
            "labels": torch.from_numpy(self.labels[rows]),
            "rows": torch.from_numpy(rows),
            "epoch": torch.tensor(items[0][0]),
        }

    def augmented(self, epoch: int, i: int) -> np.ndarray:
        """Recording i as it is heard in this epoch: (n,) float32."""
        draw = streams.generator(self.seed, "augment", epoch, self.recordings.ids[i])
        return augment(self.recordings.wave(i), inference.RATE, self.augmentation, draw).astype(np.float32)


class Recogniser(OneLoss):
    """The task's learner (see `voxdag.training.learner.Learner`)."""

    HIGHER = criteria.HIGHER

    def __init__(self, materials: Materials, settings: Settings, scoring: inference.Settings):
        train, seed, device = materials.splits["train"], materials.loader.seed, materials.loader.device
        labels = targets(train.index["label"])
        self._classes = torch.from_numpy(np.unique(labels)).to(device)
        self._weights = _weights(labels, settings.class_weights).to(device)
        if settings.shuffle_labels:
            labels = streams.generator(seed, "shuffle_labels").permutation(labels)
        super().__init__(materials, Recordings(inference.waves(train), labels, settings.augmentation, seed))
        by_speaker = inference.transductive(self.network, scoring)
        speakers = inference.SpeakerStatistics(train, scoring, device) if by_speaker else None
        self._inputs = inference.Inputs(self.network, scoring, device, speakers)
        self._dev, self._tables, self._scoring = materials.splits["dev"], dict(materials.dev_tables), scoring
        self._fill = "mean" if scoring.acoustic.cmvn == "none" else "zero"
        self._settings, self._seed = settings, seed

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """On the device: features (B, F, T), masked and mixed, and frames (B,); or waves (B, N), mixed, and lengths."""
        return self._mixed(batch)[:2]

    def loss(self, batch: Batch) -> Tensor:
        """Cross entropy over the classes of train with smoothed targets, each class with its weight.

        Mixed recordings have mixed targets: with y of two recordings, the same as mixing their losses.
        """
        inputs, lengths, soft = self._mixed(batch)
        logits = scoring_loop.logits(self.network, inputs, lengths, outputs=inference.OUTPUT_SIZE)  # (B, len(LABELS))
        logits = logits[:, self._classes].float()  # (B, K)
        return F.cross_entropy(logits, soft, self._weights, label_smoothing=self._settings.label_smoothing)

    def criteria(self) -> Mapping[str, float | None]:
        """UAR and loss on dev."""
        return criteria.criteria(self._predict())

    def calibrate(self, chosen_by: Collection[str]) -> None:
        """Fit the temperature on dev (Guo et al., "On calibration of modern neural networks", ICML 2017)."""
        self.network.temperature.fill_(criteria.temperature(self._predict()))  # type: ignore[operator]

    def _predict(self) -> pd.DataFrame:
        self.network.trained.fill_(False)[self._classes] = True  # type: ignore[operator]
        return inference.predict(self.network, self._dev, self._scoring, self.device, self._tables)

    def _mixed(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and lengths as `inputs` gives them, and soft targets (B, K); draws depend on (seed, epoch, first
        utterance)."""
        rows = batch["rows"].numpy()
        draw = streams.generator(self._seed, "batch", int(batch["epoch"]), int(rows[0]))
        inputs, lengths = self._inputs(batch["waves"].to(self.device), batch["lengths"].to(self.device), rows)
        soft = F.one_hot(batch["labels"].to(self.device), len(LABELS))[:, self._classes].float()  # (B, K)
        blend = self._settings.mixup
        if not self._inputs.features:
            waves, lengths, soft = mixup(inputs[:, None], lengths, soft, blend.alpha, blend.share, draw)
            return waves[:, 0], lengths, soft
        features = spec_augment(inputs, lengths, self._settings.spec_augment, draw, self._fill)
        return mixup(features, lengths, soft, blend.alpha, blend.share, draw, self._fill)


def make(materials: Materials, settings: Settings, scoring: inference.Settings) -> Recogniser:
    """The learner of a run."""
    return Recogniser(materials, settings, scoring)


def _weights(labels: np.ndarray, kind: str) -> Tensor:
    """(K,) weights of the classes that occur, in the order of their numbers."""
    counts = np.unique(labels, return_counts=True)[1]
    balanced = labels.size / (counts.size * counts)
    return torch.tensor(balanced if kind == "balanced" else np.ones(counts.size), dtype=torch.float32)
