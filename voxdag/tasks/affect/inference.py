"""The valence and arousal of recordings, the same way for dev during training, for eval, and for any file.

recording (n,) -> crops, evenly placed (C, samples) -> log-mels (C, F, T) -> standardised -> network (C, 2)
               -> mean over the crops (2,)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.audio.acoustic import ALONE, MIN_STD, Acoustic, Extractor, mask, statistics
from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.affect.criteria import PREDICTED
from voxdag.tasks.affect.data import DIMENSIONS, QUADRANT, TASK, quadrants
from voxdag.tasks.scoring_loop import Recordings, float_waves, padded

RATE = 16000  # Hz, of the recordings
LONGEST = 600 * RATE  # samples that a network can be asked to take at once
MOST_CROPS = 100  # of a recording
TAKES = ("features",)  # what networks may take (see models/__init__.py)
OUTPUT_SIZE = len(DIMENSIONS)  # of a network
BUFFERS: Mapping[str, Tensor] = {  # of a network, beside its own: of the features of train, over all rows and frames
    "feature_mean": torch.zeros(()),
    "feature_sd": torch.ones(()),
}
OUTPUTS = PREDICTED
DRAWN = dict(zip(PREDICTED, DIMENSIONS, strict=True))  # along a recording
DRAWN_AXIS = "Valence and arousal (-1 to 1)"
CROPS = True  # of `samples`: a file is heard whole, in as many as it takes (see `tasks.scorer`)
CMVN = ("none", *ALONE)


@dataclass(frozen=True)
class Settings:
    """How a recording becomes features, and how many are scored at once.

    acoustic    its `cmvn` is none; utterance and recording take away how loud a recording is, and so a cue of arousal
    samples     of a crop; of the training crops too
    crops       of a recording that is longer, placed evenly from its start to its end; where it is 1, the middle
    batch_size  recordings at once, with all of their crops
    """

    acoustic: Acoustic
    samples: int
    crops: int
    batch_size: int

    def __post_init__(self) -> None:
        bounds.within(self, 1, LONGEST, "samples")
        bounds.within(self, 1, MOST_CROPS, "crops")
        bounds.at_least(self, 1, "batch_size")
        if self.acoustic.cmvn not in CMVN:
            raise Refused(f"acoustic.cmvn is {self.acoustic.cmvn!r}, expected one of {', '.join(CMVN)}")


def waves(shards: Shards) -> PackedTrack:
    """The recordings of a folder. Raises Refused where they are not at RATE."""
    return shards.waves(RATE, TASK)


def starts(length: int, settings: Settings) -> list[int]:
    """Where the crops of a recording of `length` samples begin; one at 0 of a recording that is no longer than a crop,
    which is heard whole."""
    spare = max(0, length - settings.samples)
    places = np.linspace(0, spare, settings.crops) if settings.crops > 1 else np.array([spare / 2])
    return np.unique(places.round().astype(int)).tolist()


def crops(recording: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """The crops (samples,) of a recording (n,)."""
    return [recording[start : start + settings.samples] for start in starts(len(recording), settings)]


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """What the network says of int16 recordings: one row each, with the columns OUTPUTS."""
    return pd.DataFrame(score(network, recordings, settings, device), columns=list(OUTPUTS))


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of what several networks say of the same recordings."""
    return pd.DataFrame(np.mean([table[list(OUTPUTS)] for table in tables], axis=0), columns=list(OUTPUTS))


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order, as `tabulate` makes them, and over how many `crops` each is a mean:
    1 of those that are no longer than a crop. The split's other `tables` have no say in it."""
    packed = waves(shards)
    said = outputs(network, packed, settings, device)
    return tabulate(shards.about, said.assign(crops=[len(starts(length, settings)) for length in packed.lengths]))


def tabulate(about: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """What the index says of the recordings (the labels among it), protocol, quadrant (of the label), and what is
    said of them."""
    return prediction_tables.tabulate(about, said.assign(**{QUADRANT: quadrants(about)}))


def score(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> np.ndarray:
    """(n, 2): valence and arousal of int16 recordings at RATE, means over their crops. Raises Refused where one is not
    finite, naming the first."""
    inputs = Inputs(network, settings, device)
    batches = scoring_loop.by_length(recordings, settings.batch_size)

    def collate(batch: Recordings) -> tuple[Tensor, Tensor]:
        return padded([crop for recording in batch for crop in crops(recording, settings)])

    def means(batch: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        counts = [len(starts(len(recordings[i]), settings)) for i in rows]
        of_crops = scoring_loop.logits(network, *inputs(batch, lengths), outputs=OUTPUT_SIZE)  # (crops of all, 2)
        return torch.stack([of_one.float().mean(0) for of_one in of_crops.split(counts)])  # (B, 2)

    return scoring_loop.score(network, recordings, batches, collate, means, device)


class Inputs:
    """What a network is given of a batch of crops. Raises Refused for a network that takes no features."""

    def __init__(self, network: nn.Module, settings: Settings, device: torch.device):
        scoring_loop.check_takes(network, TAKES, TASK)
        self._network, self._extractor = network, Extractor(settings.acoustic, RATE).to(device)

    def __call__(self, batch: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Of waves (B, N) in -1..1 and lengths (B,): standardised features (B, F, T), zero behind a crop, and frames
        (B,).

        (x - mean) / (2 sd), with mean and standard deviation of train: Gong et al., "AST: Audio Spectrogram
        Transformer", Interspeech 2021, section 2.2 (mean 0, standard deviation 0.5).
        """
        features, frames = self._extractor(batch, lengths)
        mean, sd = self._network.feature_mean, self._network.feature_sd
        return (features - mean) / (2 * sd) * mask(frames, features.shape[2])[:, None], frames  # type: ignore[operator]


@torch.inference_mode()
def feature_statistics(recordings: Recordings, settings: Settings, device: torch.device) -> tuple[float, float]:
    """Mean and standard deviation of features over all rows and frames of the crops that `score` hears.

    Raises Refused where features do not vary.
    """
    extractor, sums = Extractor(settings.acoustic, RATE).to(device), []
    for rows in scoring_loop.by_length(recordings, settings.batch_size):
        batch, lengths = padded([crop for i in rows for crop in crops(recordings[i], settings)])
        sums.append(_summed(*extractor(float_waves(batch, device), lengths.to(device))))
    count, first, second = functools.reduce(operator.add, sums).tolist()
    mean = first / count
    sd = max(0.0, second / count - mean**2) ** 0.5
    if sd < MIN_STD:
        raise Refused(
            f"the features of {len(recordings)} recordings have the standard deviation {sd:g}: they are silent"
        )
    return mean, sd


def _summed(features: Tensor, frames: Tensor) -> Tensor:
    """(3,) float64: how many values there are, their sum, and that of their squares."""
    own = statistics(features, frames)
    return torch.stack([own.frames.sum() * features.shape[1], own.first.sum(), own.second.sum()])
