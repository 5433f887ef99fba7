"""What a metric discriminator learns to say: metrics of crops, measured in processes beside the one that trains.

A batch of crops is sent off where it is made, and its labels are used a fixed number of updates later, whether they
came early or late: nothing that is learned depends on time. The crops that wait are part of a run's state. A run that
goes on from it sends them off again, and has the same labels.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

import numpy as np
import torch
from torch import Tensor

from voxdag.core import ranks
from voxdag.core.parallel import result_of
from voxdag.scoring import enhancement

RANGES = {  # metric -> what is 0 and what is 1 to a discriminator
    "pesq": (1.0, 4.5),
    "stoi": (0.0, 1.0),
    "estoi": (0.0, 1.0),
    "ssnr": (-10.0, 35.0),  # its frames are limited to that
}
LEAST = {"pesq": 4000, "stoi": 6600, "estoi": 6600, "ssnr": 600}  # metric -> samples that it needs, without a pause
Crops = tuple[Tensor, Tensor]  # clean and enhanced waves, (B, samples) each


def pesq(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Wide band."""
    return enhancement.pesq(clean, enhanced)


def estoi(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """ESTOI."""
    return enhancement.stoi(clean, enhanced, extended=True)


def ssnr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """Segmental SNR, dB."""
    return enhancement.over_frames(clean, enhanced)["ssnr"]


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "pesq": pesq,
    "stoi": enhancement.stoi,
    "estoi": estoi,
    "ssnr": ssnr,
}


def label(clean: np.ndarray, enhanced: np.ndarray, metrics: Sequence[str]) -> list[float]:
    """The metrics of one crop, each with 0 and 1 of RANGES at 0 and 1; NaN where undefined, and all of them where a
    sample is not finite. Waves (n,) are floats with full scale at 1."""
    if not (np.isfinite(enhanced).all() and clean.any()):
        return [math.nan] * len(metrics)
    clean, enhanced = clean.astype(np.float64), enhanced.astype(np.float64)
    values = [(MEASURES[metric](clean, enhanced), *RANGES[metric]) for metric in metrics]
    return [(value - low) / (high - low) for value, low, high in values]


def quality(clean: np.ndarray, enhanced: np.ndarray, rate: int) -> dict[str, float]:
    """What dev is scored by: pesq and stoi of waves (n,), floats with full scale at 1."""
    clean, enhanced = clean.astype(np.float64), enhanced.astype(np.float64)
    return {"pesq": enhancement.pesq(clean, enhanced), "stoi": enhancement.stoi(clean, enhanced)}


class Labels:
    """Crops whose labels are on their way, those of one update behind those of another.

    delay     updates from sending a batch to using its labels
    executor  who measures; of several processes that train together, each has its share of a batch measured
    """

    def __init__(self, metrics: Sequence[str], delay: int, executor: Executor):
        self.metrics, self.delay, self.executor = tuple(metrics), delay, executor
        self._waiting: deque[tuple[Crops, list[Future]]] = deque()

    def send(self, clean: Tensor, enhanced: Tensor) -> None:
        """Have a batch of crops measured."""
        crops = clean.detach().float().cpu(), enhanced.detach().float().cpu()
        own = ranks.share(len(crops[0]))
        pairs = zip(*(waves[own].numpy() for waves in crops), strict=True)
        futures = [self.executor.submit(label, a, b, self.metrics) for a, b in pairs]
        self._waiting.append((crops, futures))

    def due(self) -> tuple[Crops, Tensor] | None:
        """The crops that were sent `delay` updates before the last, and their labels (B, metrics), for which this
        waits; None where that was before the first.

        Raises Refused where a process was killed.
        """
        if len(self._waiting) <= self.delay:
            return None
        crops, futures = self._waiting.popleft()
        own = [result_of(future, "a training crop") for future in futures]
        return crops, torch.tensor([labels for share in ranks.gathered(own) for labels in share])

    def state(self) -> list[Crops]:
        """The crops that wait."""
        return [crops for crops, _ in self._waiting]

    def load(self, state: Sequence[Crops]) -> None:
        """Send off what waits in a state again."""
        self._waiting.clear()
        for clean, enhanced in state:
            self.send(clean, enhanced)
