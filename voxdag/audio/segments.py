"""Cutting a recording to a length."""

from __future__ import annotations

import numpy as np


def fit_length(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    """(length,) of (n,) samples from `start` on; what ends before is repeated (repeat padding)."""
    if start + length <= len(samples):
        return samples[start : start + length]
    return np.resize(samples[start:], length)


def even_starts(total: int, length: int) -> list[int]:
    """Where stretches of `length` begin that cover `total` samples: as few as it takes, the first at 0, the last
    ending with the recording, the others evenly between (so neighbours overlap a little). One at 0 where all fits."""
    count = max(1, -(-total // length))
    return np.linspace(0, max(0, total - length), count).round().astype(int).tolist()
