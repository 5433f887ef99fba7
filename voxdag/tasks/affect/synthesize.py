"""Music that a GAN makes up: fitted to clips of train, told which valence and arousal to make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from torch import Tensor, nn

from voxdag.data.shards import Row, Shards
from voxdag.synthesis import fit
from voxdag.synthesis.conditions import Continuous
from voxdag.synthesis.fit import Settings as Settings
from voxdag.synthesis.place import Place
from voxdag.tasks.affect.data import DIMENSIONS
from voxdag.tasks.affect.inference import RATE, waves

OUTPUT_SIZE = 0  # of a network from outside: there is none
BUFFERS: Mapping[str, Tensor] = {}
LOW, HIGH = -1.0, 1.0  # of the labels' scale
BANDWIDTH = 1.0  # of the density of labels, as a multiple of Scott's


def fitted_to(index: pd.DataFrame) -> np.ndarray:
    """Which recordings a generator is fitted to, (n,) bool: all."""
    return np.ones(len(index), bool)


def conditions(index: pd.DataFrame) -> Continuous:
    """What a generator is told of recordings: valence and arousal."""
    return Continuous.of(index, DIMENSIONS, LOW, HIGH, BANDWIDTH)


def synthesize(
    network: nn.Module | None, shards: Shards, settings: Settings, place: Place
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """`count` clips; their labels have the density of train's, and no annotators."""
    made = fit.make(waves(shards), conditions(shards.index), RATE, settings, place)
    for number, (about, wave) in enumerate(made):
        row = fit.row(place, number, about)
        yield row | {"song": row["id"]}, {"wave": wave}
