"""Cutting a recording to a length."""

from __future__ import annotations

import numpy as np


def fit_length(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    """(length,) of (n,) samples from `start` on; what ends before is repeated (repeat padding)."""
    if start + length <= len(samples):
        return samples[start : start + length]
    return np.resize(samples[start:], length)
