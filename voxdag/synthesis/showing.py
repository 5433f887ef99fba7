"""Made-up spectrograms beside real ones of like conditions, to be looked at."""

from __future__ import annotations

import numpy as np
import torch

from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.sets import Sets, Spectrograms

COLUMNS = 6


def side_by_side(sets: Sets, conditions: Conditions) -> tuple[list[tuple[str, np.ndarray]], list[str]]:
    """Rows of log-mels (columns, F, T), train above what was made up, and the words above each column.

    Columns are made-up recordings from all over the conditions; above each stands the recording of train whose
    condition is nearest to its own, each once.
    """
    made = _spread(sets.synthetic, COLUMNS)
    real = _alike(sets.train, made)
    rows = [
        (name, sets.scaling.unscale(torch.from_numpy(one.values)).numpy())
        for name, one in (("Real", real), ("Synthetic", made))
    ]
    return rows, [conditions.words(told) for told in made.told]


def _spread(one: Spectrograms, count: int) -> Spectrograms:
    """Some whose conditions lie far apart: the first, and in turn the one that is farthest from all before."""
    chosen = [0]
    while len(chosen) < min(count, len(one)):
        apart = np.linalg.norm(one.told[:, None] - one.told[None, chosen], axis=2).min(1)
        apart[chosen] = -1
        chosen.append(int(apart.argmax()))
    order = sorted(chosen, key=lambda row: tuple(one.told[row]))
    return Spectrograms(one.values[order], one.told[order])


def _alike(one: Spectrograms, to: Spectrograms) -> Spectrograms:
    chosen: list[int] = []
    for told in to.told:
        apart = np.linalg.norm(one.told - told, axis=1)
        apart[chosen] = np.inf
        chosen.append(int(apart.argmin()))
    return Spectrograms(one.values[chosen], one.told[chosen])
