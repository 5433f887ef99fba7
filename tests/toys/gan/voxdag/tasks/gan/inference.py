"""What the generator makes beside each recording: a descriptor of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.core import streams
from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.gan.data import DESCRIPTOR, LABELS, RATE, TASK
from voxdag.tasks.labels import targets
from voxdag.tasks.scoring_loop import Recordings

TAKES = ("features",)
OUTPUT_SIZE = len(DESCRIPTOR)
BUFFERS: Mapping[str, Tensor] = {}
OUTPUTS = ("made_level", "made_crossings")
DRAWN = {"made_level": "level"}
DRAWN_AXIS = "log10 of the level"
CROPS = False
SEED = 1  # of the noise that predictions are made from


@dataclass(frozen=True)
class Settings:
    """samples: of the window of the output along a recording."""

    batch_size: int
    samples: int


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """A descriptor of the first kind for each recording: it says nothing of its own kind."""
    return make(network, np.zeros(len(recordings), np.int64), [str(i) for i in range(len(recordings))], device)


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean over networks."""
    return sum(tables) / len(tables)


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """What is known of each recording, its descriptor, and one that is made for its kind."""
    real = pd.DataFrame(describe(shards.waves(RATE, TASK)), columns=[f"real_{name}" for name in DESCRIPTOR])
    made = make(network, targets(shards.index["label"], LABELS), shards.index["id"].tolist(), device)
    return prediction_tables.tabulate(shards.about, pd.concat([real, made], axis=1))


def describe(recordings: PackedTrack) -> np.ndarray:
    """(n, len(DESCRIPTOR)) float32."""
    rows = []
    for i in range(len(recordings)):
        wave = recordings.wave(i)
        crossings = np.count_nonzero(np.diff(np.signbit(wave))) / (len(wave) / RATE * 1000)
        rows.append([np.log10(np.sqrt(np.mean(wave**2))), crossings])
    return np.array(rows, np.float32)


@torch.inference_mode()
def make(network: nn.Module, kinds: np.ndarray, names: Sequence[str], device: torch.device) -> pd.DataFrame:
    """Descriptors of these kinds (n,), from noise that is drawn by the names of the recordings."""
    scoring_loop.check_takes(network, TAKES, TASK)
    noise = np.stack([streams.generator(SEED, "noise", name).normal(size=network.config.noise) for name in names])
    features = conditioned(torch.tensor(kinds), torch.tensor(noise, dtype=torch.float32)).to(device)
    network.eval()
    made = network(features, torch.ones(len(kinds), dtype=torch.int64, device=device))
    return pd.DataFrame(made.cpu().double().numpy(), columns=list(OUTPUTS))


def conditioned(kinds: Tensor, noise: Tensor) -> Tensor:
    """(B, kinds + noise, 1): what the generator is given."""
    return torch.cat([nn.functional.one_hot(kinds, len(LABELS)).float(), noise], dim=1).unsqueeze(2)
