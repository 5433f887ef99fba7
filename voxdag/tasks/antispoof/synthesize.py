"""Speech that a GAN makes up, as one more spoofing attack: fitted to bona fide speech of train, and labelled spoof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from torch import Tensor, nn

from voxdag.core.errors import Refused
from voxdag.data.shards import Row, Shards
from voxdag.synthesis import fit
from voxdag.synthesis.conditions import Alike
from voxdag.synthesis.fit import Settings as Settings
from voxdag.synthesis.place import Place
from voxdag.tasks.antispoof.inference import RATE, waves

OUTPUT_SIZE = 0  # of a network from outside: there is none
BUFFERS: Mapping[str, Tensor] = {}
BONAFIDE = "bonafide"
ATTACK = "gan"  # what the breakdown calls it


def fitted_to(index: pd.DataFrame) -> np.ndarray:
    """Which recordings a generator is fitted to, (n,) bool."""
    return (index["label"] == BONAFIDE).to_numpy()


def conditions(index: pd.DataFrame) -> Alike:
    """What a generator is told of recordings: nothing, as all are bona fide speech, or are made to be taken for it."""
    return Alike.of(index, BONAFIDE)


def synthesize(
    network: nn.Module | None, shards: Shards, settings: Settings, place: Place
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """`count` recordings of an attack of their own. Raises Refused where no speech of train is bona fide."""
    rows = fitted_to(shards.index)
    if not rows.any():
        raise Refused(f"{shards.folder} holds no bona fide recording: there is nothing to fit a generator to")
    real = shards.chosen(rows)
    made = fit.make(waves(real), conditions(real.index), RATE, settings, place)
    for number, (_, wave) in enumerate(made):
        yield fit.row(place, number, {"label": "spoof", "attack": ATTACK}), {"wave": wave}
