"""What an enhancer makes of recordings of any length. How good that is, `measures` says: training needs no more than
this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from voxdag.data.shards import Row, Shards, Tracks, wave_at
from voxdag.tasks import scoring_loop
from voxdag.tasks.enhance.stretches import BUFFERS, OUTPUT_SIZE, RATE, TAKES, Settings, enhance, in_16_bits
from voxdag.tasks.enhance.tracks import track
from voxdag.tasks.scoring_loop import Recordings

__all__ = ["BUFFERS", "CROPS", "DRAWN", "DRAWN_AXIS", "OUTPUTS", "OUTPUT_SIZE", "RATE", "TAKES", "Settings", "average"]
__all__ += ["enhance", "enhanced", "outputs", "tracks"]

OUTPUTS = ("removed",)  # the share of a recording's energy that the network takes out
DRAWN = {"removed": "removed"}
DRAWN_AXIS = "Share of the energy that is removed"
CROPS = False
TINY = 1e-12  # of energies


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """The share of each recording's energy that is removed, 0 of silence: |x - y|^2 / |x|^2."""
    made = enhance(network, recordings, settings, device)
    removed = [_removed(np.asarray(wave), left) for wave, left in zip(recordings, made, strict=True)]
    return pd.DataFrame({"removed": removed})


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean over networks."""
    return sum(tables) / len(tables)


def tracks(shards: Shards) -> Tracks:
    """One wave."""
    return wave_at(RATE)


def enhanced(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Each noisy recording, enhanced, as long as it was."""
    waves = in_16_bits(enhance(network, track(shards, "noisy"), settings, device))
    for row, wave in zip(shards.about.to_dict("records"), waves, strict=True):
        yield row, {"wave": wave}


def _removed(wave: np.ndarray, made: np.ndarray) -> float:
    heard = wave.astype(np.float32) / np.float32(scoring_loop.INT16_SCALE)
    return float(np.square(heard - made).sum() / (np.square(heard).sum() + TINY))
