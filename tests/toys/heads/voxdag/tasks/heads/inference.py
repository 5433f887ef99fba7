"""What the heads say of embedded recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.heads.data import LABELS
from voxdag.tasks.scoring_loop import Recordings, padded

TASK = "the heads"
RATE = 8000  # Hz
TAKES = ("features",)
OUTPUT_SIZE = len(LABELS) + 1  # a logit for each label, and the level
BUFFERS: Mapping[str, Tensor] = {}
OUTPUTS = ("predicted", "predicted_level")
DRAWN = {"predicted_level": "level"}
DRAWN_AXIS = "Level"
CROPS = False
TRACK = "embedding"


@dataclass(frozen=True)
class Settings:
    """samples: of the window of the output along a recording."""

    batch_size: int
    samples: int


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """The likeliest label and the level of embeddings (T, D)."""
    scoring_loop.check_takes(network, TAKES, TASK)

    def values(embeddings: Tensor, frames: Tensor, rows: np.ndarray) -> Tensor:
        return network(embeddings.transpose(1, 2), frames)

    batches = scoring_loop.by_length(recordings, settings.batch_size)
    scored = scoring_loop.score(network, recordings, batches, padded, values, device)
    predicted = np.array(LABELS)[scored[:, : len(LABELS)].argmax(1)]
    return pd.DataFrame({"predicted": predicted, "predicted_level": scored[:, -1]})


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The commonest label and the mean level."""
    labels = pd.concat([table["predicted"] for table in tables], axis=1).mode(axis=1)[0]
    return pd.DataFrame(
        {"predicted": labels, "predicted_level": sum(t["predicted_level"] for t in tables) / len(tables)}
    )


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """What is known of each recording, and what the heads say."""
    return prediction_tables.tabulate(shards.about, outputs(network, embeddings(shards), settings, device))


def embeddings(shards: Shards) -> PackedTrack:
    """(T, D) float16 of each recording."""
    return shards.track(TRACK)
