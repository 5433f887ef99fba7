"""Embeddings of a frozen front end, float16, 200 frames per second at 8 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from voxdag.data.shards import Row, Shards, Track, Tracks
from voxdag.tasks import scoring_loop
from voxdag.tasks.heads.inference import RATE, TASK, TRACK
from voxdag.tasks.scoring_loop import float_waves, padded

OUTPUT_SIZE = 6  # of the front end
BUFFERS: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Settings:
    """batch_size: recordings at once."""

    batch_size: int


def tracks(network: nn.Module, shards: Shards, settings: Settings) -> Tracks:
    """embedding: (OUTPUT_SIZE,) a frame. Raises Refused for recordings at another rate than RATE."""
    shards.waves(RATE, TASK)
    return {TRACK: Track("float16", (OUTPUT_SIZE,), RATE / network.config.hop)}


def embed(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Each recording's embedding (T, OUTPUT_SIZE)."""
    recordings = shards.waves(RATE, TASK)
    for rows in scoring_loop.in_order(recordings, settings.batch_size):
        waves, lengths = padded([recordings[i] for i in rows])
        embedded, frames = network(float_waves(waves, device), lengths.to(device))
        for i, embedding, count in zip(rows, embedded.cpu().numpy(), frames.tolist(), strict=True):
            yield {"id": recordings.ids[i]}, {TRACK: embedding[:, :count].T.astype(np.float16)}
