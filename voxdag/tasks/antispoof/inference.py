"""Scores of a countermeasure, the same way for dev during training, for eval, and for any file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.antispoof import data
from voxdag.tasks.antispoof.data import TASK
from voxdag.tasks.scoring_loop import Recordings

RATE = 16000  # Hz, of the recordings
MOMENTS = "moments"  # the track that `embed` makes, and columns of the index: of crops of how many samples, by which
EMBEDDED, BY = "embedded_samples", "embedded_by"  # front end
WAVES_TOO = True  # who was trained on what `embed` made takes waves in its place, see `heard`
LONGEST = 600 * RATE  # samples that a network can be asked to take at once
TAKES = ("wave",)  # what networks may take (see models/__init__.py): crops of one length
OUTPUT_SIZE = len(data.LABELS)  # of a network
BUFFERS: Mapping[str, Tensor] = {}  # of a network, beside its own: nothing is fitted after training
OUTPUTS = ("score",)
DRAWN = {"score": "score"}  # along a recording
DRAWN_AXIS = "Score"
CROPS = True  # of `samples`, see Settings
SPOOF, BONAFIDE = (data.LABELS.index(label) for label in ("spoof", "bonafide"))
SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "bonafide_logit": lambda logits: logits[:, BONAFIDE],  # what the AASIST program writes
    "logit_difference": lambda logits: logits[:, BONAFIDE] - logits[:, SPOOF],  # log odds: what Cllr, actDCF are about
}


@dataclass(frozen=True)
class Settings:
    """How a recording is scored.

    samples  how many are scored, from the recording's start, repeated where it is shorter
    score    a key of SCORES
    """

    samples: int
    batch_size: int
    score: str

    def __post_init__(self) -> None:
        bounds.within(self, 1, LONGEST, "samples")
        bounds.at_least(self, 1, "batch_size")
        bounds.one_of(self, SCORES, "score")


def waves(shards: Shards) -> PackedTrack:
    """The recordings of a folder. Raises Refused where they are not at RATE."""
    return shards.waves(RATE, TASK)


def heard(shards: Shards, samples: int, network: nn.Module) -> PackedTrack:
    """What a network is given of the recordings of a folder: crops of `samples` of the waves, or what `embed` made of
    such crops.

    Raises Refused where recordings are not at RATE, or were embedded in crops of another length, by another front end
    than the network's, or for other networks.
    """
    if MOMENTS not in shards.tracks:
        return waves(shards)
    if not hasattr(network, "pooled_moments"):
        kind = type(network).__name__
        raise Refused(f"{shards.folder} holds what was embedded, which ssl_pooling takes, and the network is {kind}")
    if set(shards.index[BY]) != {network.fingerprint()}:  # type: ignore[operator]
        raise Refused(
            f"{shards.folder} was embedded by another front end than that of the network: expected one file as the "
            "weights of the entry of embedded and as model.init_weights, and one size of both"
        )
    for embedded in set(shards.index[EMBEDDED]) - {samples}:
        raise Refused(f"{shards.folder} was made of crops of {embedded} samples, expected {samples}, as the system's")
    return shards.track(MOMENTS)


def length(recordings: PackedTrack | Recordings, samples: int) -> int:
    """Of what a network is given: `samples` of a wave, all of what was embedded."""
    embedded = isinstance(recordings, PackedTrack) and recordings.track.rate is None
    return int(recordings.lengths[0]) if embedded else samples  # type: ignore[union-attr]


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """What the network says of int16 recordings: one row each, with the columns OUTPUTS."""
    return pd.DataFrame({"score": score(network, recordings, settings, device)})


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of what several networks say of the same recordings, in every column."""
    return pd.DataFrame({name: np.mean([table[name] for table in tables], axis=0) for name in tables[0]})


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order: what the index says of it, and score (higher is more bona fide).

    The split's other `tables` (ASV scores) have no say in it.
    """
    return prediction_tables.tabulate(
        shards.about, outputs(network, heard(shards, settings.samples, network), settings, device)
    )


def score(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> np.ndarray:
    """(n,) scores of int16 recordings at RATE, or of what was embedded. Raises Refused, naming the first, where a score
    is not finite."""
    scoring_loop.check_takes(network, TAKES, TASK)
    batches = scoring_loop.in_order(recordings, settings.batch_size)
    collate = functools.partial(scoring_loop.crops, length=length(recordings, settings.samples))

    def score_batch(batch: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        logits = scoring_loop.logits(network, batch, outputs=OUTPUT_SIZE)  # (B, 2)
        return SCORES[settings.score](logits)[:, None]

    return scoring_loop.score(network, recordings, batches, collate, score_batch, device)[:, 0]
