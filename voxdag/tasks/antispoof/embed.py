"""A frozen self-supervised front end, heard once: what the statistics of its layers follow from, a crop a recording.

A system that pools them (network ssl_pooling, its front end frozen) trains on these in seconds an epoch, and what it
learns scores waves too. Each recording is heard from its start, in training too: crops drawn anew each epoch would
have to be heard anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import Row, Shards, Track, Tracks
from voxdag.tasks import scoring_loop
from voxdag.tasks.antispoof.data import TASK
from voxdag.tasks.antispoof.inference import BY, EMBEDDED, LONGEST, MOMENTS, waves

OUTPUT_SIZE = 1  # of the front end, which has no outputs of the task
BUFFERS: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Settings:
    """samples: of a recording, from its start, repeated where it is shorter; batch_size: recordings at once."""

    samples: int
    batch_size: int

    def __post_init__(self) -> None:
        bounds.within(self, 1, LONGEST, "samples")
        bounds.at_least(self, 1, "batch_size")


def tracks(network: nn.Module | None, shards: Shards, settings: Settings) -> Tracks:
    """moments: (D,) a row, L + L (L + 1) / 2 rows. Raises Refused for recordings at another rate than RATE, and where
    no front end is named."""
    waves(shards)
    if network is None or not hasattr(network, "shape"):
        raise Refused(f"{TASK} embeds with the network ssl_moments, and {type(network).__name__} was named")
    return {MOMENTS: Track("float32", network.shape[1:], None)}  # type: ignore[arg-type, index]


def embed(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Of each recording the moments of its layers (L + L (L + 1) / 2, D)."""
    recordings, by = waves(shards), network.fingerprint()  # type: ignore[operator]
    if settings.samples < network.minimum_samples:  # type: ignore[operator]
        raise Refused(f"samples is {settings.samples}, expected {network.minimum_samples} or more: those of one frame")
    for rows in scoring_loop.in_order(recordings, settings.batch_size):
        crops, _ = scoring_loop.crops([recordings[i] for i in rows], settings.samples)
        made = network(scoring_loop.float_waves(crops, device)).cpu().numpy()
        for i, moments in zip(rows, made, strict=True):
            yield {"id": recordings.ids[i], EMBEDDED: settings.samples, BY: by}, {MOMENTS: moments}
