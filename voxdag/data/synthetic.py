"""How an index tells recordings that were made up from real ones, and where none may be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data.shards import Shards

SYNTHETIC = "synthetic"  # its column: 1 of recordings that were made up, 0 of real ones
TRAIN = "train"  # the one split that may have some


def made_up(index: pd.DataFrame) -> np.ndarray:
    """Which recordings of an index were made up, (n,) bool."""
    return index[SYNTHETIC].to_numpy() == 1 if SYNTHETIC in index else np.zeros(len(index), bool)


def all_real(shards: Shards) -> Shards:
    """The recordings of a split to measure something on. Raises Refused, with the first, where any was made up."""
    rows = made_up(shards.index)
    if rows.any():
        raise Refused(
            f"{rows.sum()} of {len(rows)} recordings of {shards.folder} were made up, such as "
            f"{shards.index['id'][rows.argmax()]}: nothing is measured on those, they are of {TRAIN} alone"
        )
    return shards
