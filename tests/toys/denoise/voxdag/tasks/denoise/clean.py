"""Denoise the recordings of another task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from voxdag.audio.decode import to_int16
from voxdag.data.shards import Row, Shards, Tracks, wave_at
from voxdag.tasks.denoise.inference import BUFFERS, OUTPUT_SIZE, RATE, TASK, enhance

__all__ = ["BUFFERS", "KEEPS_LENGTHS", "OUTPUT_SIZE", "Settings", "clean", "tracks"]

KEEPS_LENGTHS = True


@dataclass(frozen=True)
class Settings:
    """batch_size: recordings at once."""

    batch_size: int


def tracks(network: nn.Module, shards: Shards, settings: Settings) -> Tracks:
    """One wave at RATE. Raises Refused for recordings that are another."""
    shards.waves(RATE, TASK)
    return wave_at(RATE)


def clean(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Each recording, denoised, as long as it was."""
    waves = shards.waves(RATE, TASK)
    for name, wave in zip(waves.ids, enhance(network, waves, settings, device), strict=True):
        yield {"id": name}, {"wave": to_int16(wave)[0]}
