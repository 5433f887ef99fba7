"""Training an emotion recogniser: augmented recordings, mixup, weighted cross entropy with smoothed labels, and the dev
criteria that select checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.audio.acoustic import Extractor
from voxdag.audio.augment import Augmentation, SpecAugment, augment, mixup, spec_augment
from voxdag.audio.decode import INT16_SCALE
from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.tasks.emotion import criteria, inference
from voxdag.tasks.emotion.data import LABELS, targets
from voxdag.training.batches import Batches, Supply


@dataclass(frozen=True)
class Mixup:
    """share (0..1) of batches that are mixed, and alpha of the Beta distribution of the weights."""

    share: float
    alpha: float


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
        if self.class_weights not in ("balanced", "none"):
            raise Refused(f"class_weights is {self.class_weights!r}, expected balanced or none")
        if not 0 <= self.label_smoothing < 1:
            raise Refused(f"label_smoothing is {self.label_smoothing}, expected a share from 0 to below 1")


class Recordings(Dataset):
    """Whole recordings, augmented: each draw is a function of (seed, epoch, utterance id) and of nothing else."""

    def __init__(self, shards: Shards, labels: np.ndarray, augmentation: Augmentation, seed: int):
        self.shards, self.labels, self.augmentation, self.seed = shards, labels, augmentation, seed
        self.ids = shards.index["id"].tolist()

    def __len__(self) -> int:
        return len(self.shards)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(waves (B, N) float32, lengths (B,) samples, labels (B,), rows (B,), epoch ())."""
        waves, lengths = inference.padded([self.augmented(epoch, i) for epoch, i in items])
        rows = np.array([i for _, i in items])
        epoch = torch.tensor(items[0][0])
        return waves, lengths, torch.from_numpy(self.labels[rows]), torch.from_numpy(rows), epoch

    def augmented(self, epoch: int, i: int) -> np.ndarray:
        """Recording i as it is heard in this epoch: (n,) float32."""
        wave = self.shards[i].astype(np.float32) / INT16_SCALE
        draw = streams.generator(self.seed, "augment", epoch, self.ids[i])
        return augment(wave, inference.RATE, self.augmentation, draw).astype(np.float32)


class Objective:
    """The task's part of the training loop (see `voxdag.training.loop.Objective`)."""

    HIGHER = criteria.HIGHER

    def __init__(
        self,
        splits: dict[str, Shards],
        dev_tables: dict[str, pd.DataFrame],
        settings: Settings,
        scoring: inference.Settings,
        supply: Supply,
    ):
        labels = targets(splits["train"].index["label"])
        self._classes = torch.from_numpy(np.unique(labels))
        self._weights = _weights(labels, settings.class_weights).to(supply.device)
        if settings.shuffle_labels:
            labels = streams.generator(supply.seed, "shuffle_labels").permutation(labels)
        self._batches = Batches(Recordings(splits["train"], labels, settings.augmentation, supply.seed), supply)
        self._extractor = Extractor(scoring.acoustic, inference.RATE).to(supply.device)
        by_speaker = scoring.acoustic.cmvn == "speaker"
        self._speakers = inference.SpeakerStatistics(splits["train"], scoring, supply.device) if by_speaker else None
        self._dev, self._tables, self._scoring = splits["dev"], dev_tables, scoring
        self._fill = "mean" if scoring.acoustic.cmvn == "none" else "zero"
        self._settings, self._seed, self._device = settings, supply.seed, supply.device

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches (see `Recordings`) of an epoch from batch `first` on."""
        return self._batches.epoch(epoch, first)

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Features (B, F, T) and frames (B,) on the device, masked and mixed."""
        return self._mixed(batch)[:2]

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy over the classes of train with smoothed targets, each class with its weight.

        Mixed recordings have mixed targets: with y of two recordings, the same as mixing their losses.
        """
        features, frames, soft = self._mixed(batch)
        logits = network(features, frames)[:, self._classes.to(self._device)].float()  # (B, K)
        return F.cross_entropy(logits, soft, self._weights, label_smoothing=self._settings.label_smoothing)

    def criteria(self, network: nn.Module) -> dict[str, float]:
        """UAR and loss on dev."""
        return criteria.criteria(self._predict(network))

    def finish(self, network: nn.Module) -> None:
        """Fit the temperature on dev (Guo et al., "On calibration of modern neural networks", ICML 2017)."""
        network.temperature.fill_(criteria.temperature(self._predict(network)))

    def _predict(self, network: nn.Module) -> pd.DataFrame:
        network.trained.fill_(False)[self._classes.to(self._device)] = True
        return inference.predict(network, self._dev, self._scoring, self._device, self._tables)

    def _mixed(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, F, T), frames (B,) and soft targets (B, K); draws depend on (seed, epoch, first utterance)."""
        waves, lengths, labels, rows, epoch = batch
        draw = streams.generator(self._seed, "batch", int(epoch), int(rows[0]))
        features, frames = self._extractor(waves.to(self._device), lengths.to(self._device))
        if self._speakers is not None:
            features = self._speakers.normalise(features, frames, rows.numpy())
        features = spec_augment(features, frames, self._settings.spec_augment, draw, self._fill)
        soft = F.one_hot(labels, len(LABELS))[:, self._classes].float().to(self._device)
        return mixup(features, frames, soft, self._settings.mixup.alpha, self._settings.mixup.share, draw)


def _weights(labels: np.ndarray, kind: str) -> Tensor:
    """(K,) weights of the classes that occur, in the order of their numbers."""
    counts = np.unique(labels, return_counts=True)[1]
    balanced = labels.size / (counts.size * counts)
    return torch.tensor(balanced if kind == "balanced" else np.ones(counts.size), dtype=torch.float32)
