"""What an enhancer makes of recordings of any length, and how good it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from voxdag.data.shards import Row, Shards, Tracks, wave_at
from voxdag.tasks import scoring_loop
from voxdag.tasks.enhance import measures, metrics
from voxdag.tasks.enhance.stretches import BUFFERS, OUTPUT_SIZE, RATE, TAKES, Settings, enhance, in_16_bits
from voxdag.tasks.scoring_loop import Recordings

__all__ = ["BUFFERS", "CROPS", "DRAWN", "DRAWN_AXIS", "OUTPUTS", "OUTPUT_SIZE", "RATE", "TAKES", "Settings", "average"]
__all__ += ["enhance", "enhanced", "measured", "outputs", "predict", "tracks"]

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


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order (see `measures.measured`). The split's other `tables` have no say."""
    noisy = measures.track(shards, "noisy")
    return _measured(network, shards, in_16_bits(enhance(network, noisy, settings, device)))


def tracks(shards: Shards) -> Tracks:
    """One wave."""
    return wave_at(RATE)


def enhanced(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Each noisy recording, enhanced, as long as it was."""
    waves = in_16_bits(enhance(network, measures.track(shards, "noisy"), settings, device))
    for row, wave in zip(shards.about.to_dict("records"), waves, strict=True):
        yield row, {"wave": wave}


def measured(network: nn.Module, shards: Shards, made: Shards) -> pd.DataFrame:
    """What `predict` gives, of what `enhanced` made."""
    wave = made.track("wave")
    return _measured(network, shards, (wave[i] for i in range(len(wave))))


def _measured(network: nn.Module, shards: Shards, made: Iterable[np.ndarray]) -> pd.DataFrame:
    return measures.measured(shards, made, metrics.of_mask(getattr(network, metrics.OPTIMISED).tolist()))


def _removed(wave: np.ndarray, made: np.ndarray) -> float:
    heard = wave.astype(np.float32) / np.float32(scoring_loop.INT16_SCALE)
    return float(np.square(heard - made).sum() / (np.square(heard).sum() + TINY))
