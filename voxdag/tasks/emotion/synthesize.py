"""Recordings of emotional speech that a GAN makes up: fitted to those of train, told which emotion to make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from torch import Tensor, nn

from voxdag.data.shards import Row, Shards
from voxdag.synthesis import fit
from voxdag.synthesis.conditions import Classes
from voxdag.synthesis.fit import Settings as Settings
from voxdag.synthesis.place import Place
from voxdag.tasks.emotion.inference import RATE, waves

OUTPUT_SIZE = 0  # of a network from outside: there is none
BUFFERS: Mapping[str, Tensor] = {}
LABEL = "label"


def fitted_to(index: pd.DataFrame) -> np.ndarray:
    """Which recordings a generator is fitted to, (n,) bool: all."""
    return np.ones(len(index), bool)


def conditions(index: pd.DataFrame) -> Classes:
    """What a generator is told of recordings. Raises Refused for an emotion with one recording."""
    return Classes.of(index, LABEL)


def synthesize(
    network: nn.Module | None, shards: Shards, settings: Settings, place: Place
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """`count` recordings; their emotions are as frequent as in train."""
    made = fit.make(waves(shards), conditions(shards.index), RATE, settings, place)
    for number, (about, wave) in enumerate(made):
        yield fit.row(place, number, about), {"wave": wave}
