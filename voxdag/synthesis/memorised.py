"""Whether made-up spectrograms are copies of train: how near the nearest of train lies, wherever in a recording it is.

Recordings of dev, which nothing was fitted to, say how near a recording lies to train that is no copy: COPIED of them
lie nearer than the limit that is drawn from them. If as many of what was made up do, it is as new as they are.
After Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", AISTATS 2020.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

COPIED = 0.01  # share of dev that lies nearer to train than the limit
AT_ONCE = 64  # spectrograms that are laid against a recording at once


def nearest(spectrograms: np.ndarray, recordings: Iterable[np.ndarray]) -> np.ndarray:
    """The root mean square distance (n,) of spectrograms (n, F, T) to the nearest T frames of a recording (F, frames).

    A recording of fewer than T frames is repeated until it fills them, as a crop of it is.
    """
    least = np.full(len(spectrograms), np.inf)
    shown = torch.from_numpy(np.ascontiguousarray(spectrograms, dtype=np.float32))
    for recording in recordings:
        frames = spectrograms.shape[2]
        filled = np.tile(recording, (1, -(-frames // recording.shape[1]))) if recording.shape[1] < frames else recording
        least = np.minimum(least, _to_one(shown, torch.from_numpy(np.ascontiguousarray(filled, dtype=np.float32))))
    return least


def limit(of_dev: np.ndarray) -> float:
    """The distance below which COPIED of dev's distances to train (n,) lie."""
    return float(np.quantile(of_dev, COPIED))


def copied(distances: np.ndarray, of_dev: np.ndarray) -> float:
    """The share of distances to train (n,) below the limit."""
    return float((distances < limit(of_dev)).mean())


def _to_one(spectrograms: Tensor, recording: Tensor) -> np.ndarray:
    """(n, F, T), (F, frames) -> (n,): |a - b|^2 = |a|^2 + |b|^2 - 2 a b at every place, by a convolution."""
    _, bands, frames = spectrograms.shape
    places = recording.square().sum(0).unfold(0, frames, 1).sum(1)  # (places,)
    least = []
    for part in spectrograms.split(AT_ONCE):
        products = F.conv1d(recording[None], part)[0]  # (n, places)
        squares = part.square().sum((1, 2))[:, None] + places - 2 * products
        least.append(squares.amin(1).clamp(min=0))
    return (torch.cat(least) / (bands * frames)).sqrt().double().numpy()
