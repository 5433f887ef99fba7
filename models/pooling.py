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


def moments(layers: Tensor) -> Tensor:
    """What the statistics of any weighted sum of layers follow from: (L, B, T', D) -> (B, L + L (L + 1) / 2, D).

    Means over frames of each layer, then of each number the covariances of its layers, (0, 0), (0, 1), ...
    """
    count = len(layers)
    means = layers.mean(2, keepdim=True)  # (L, B, 1, D)
    centred = layers - means
    rows = [(centred[i] * centred[i:]).mean(2) for i in range(count)]  # (L - i, B, D) each
    return torch.cat([means[:, :, 0], *rows]).transpose(0, 1)


def moments_size(layers: int) -> int:
    """How many rows `moments` has of so many layers."""
    return layers + layers * (layers + 1) // 2


def statistics_of_sum(held: Tensor, weights: Tensor) -> Tensor:
    """Mean and standard deviation over frames of the weighted sum, of its layers' moments:
    (B, L + L (L + 1) / 2, D), (L,) -> (B, 2 D)."""
    count = len(weights)
    first, second = torch.triu_indices(count, count, device=weights.device)
    twice = torch.where(first == second, 1.0, 2.0)
    mean = torch.einsum("l,bld->bd", weights, held[:, :count])
    variance = torch.einsum("p,bpd->bd", weights[first] * weights[second] * twice, held[:, count:])
    return torch.cat([mean, (variance.clamp(min=0) + TINY).sqrt()], 1)


def projection(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear, ReLU, dropout from each size to the next: (B, sizes[0]) -> (B, sizes[-1])."""
    return nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)) for a, b in pairwise(sizes)))
