"""The number that a network says of each recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.data.shards import Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.scoring_loop import Recordings, padded

TASK = "the regression"
RATE = 8000  # Hz
TAKES = ("waves",)
OUTPUT_SIZE = 1
BUFFERS: Mapping[str, Tensor] = {}
OUTPUTS = ("predicted",)
DRAWN = {"predicted": "level"}
DRAWN_AXIS = "Level"
CROPS = False


@dataclass(frozen=True)
class Settings:
    """samples: of the window of the output along a recording."""

    batch_size: int
    samples: int


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """The network's number of each recording."""
    scoring_loop.check_takes(network, TAKES, TASK)

    def values(waves: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        return network(waves, lengths)

    batches = scoring_loop.by_length(recordings, settings.batch_size)
    scored = scoring_loop.score(network, recordings, batches, padded, values, device)
    return pd.DataFrame(scored, columns=list(OUTPUTS))


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean over networks."""
    return sum(tables) / len(tables)


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """What is known of each recording, and the network's number."""
    table = outputs(network, shards.waves(RATE, TASK), settings, device)
    return prediction_tables.tabulate(shards.about, table)
