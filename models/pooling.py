"""Parts of networks that pool layers: their weighted sum, statistics over frames, the linear maps behind.

Sources: Yang et al., "SUPERB", Interspeech 2021 (the weighted sum); Snyder et al., "X-vectors", ICASSP 2018 (pooling of
statistics).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

TINY = 1e-5  # added to variances


class WeightedSum(nn.Module):
    """Layers (L, ...) -> (...), weighted by the softmax of L numbers, which begin alike."""

    def __init__(self, layers: int):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))

    def forward(self, layers: Tensor) -> Tensor:
        """See above."""
        return torch.einsum("l,l...->...", self.weights.softmax(0), layers)


def statistics(frames: Tensor) -> Tensor:
    """Mean and standard deviation over frames: (B, D, T') -> (B, 2 D)."""
    variance = frames.var(2, correction=0)
    return torch.cat([frames.mean(2), (variance + TINY).sqrt()], 1)


def projection(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear, ReLU, dropout from each size to the next: (B, sizes[0]) -> (B, sizes[-1])."""
    return nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)) for a, b in pairwise(sizes)))
