"""The learning rate as one closed-form function of the global step: nothing to save, nothing to stack on a resume."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up to `peak` over `warmup` steps, then half a cosine down to `floor` at step `total`.

        lr(s) = floor + (peak - floor) (1 + cos(pi (s - warmup) / (total - warmup))) / 2        for s >= warmup

    With warmup 0 this is the schedule of the AASIST program (clovaai/aasist utils.py, cosine, per step).
    """

    peak: float
    floor: float
    warmup: int
    total: int

    def __call__(self, step: int) -> float:
        """The learning rate of the 0-based global step."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        progress = min((step - self.warmup) / max(self.total - self.warmup, 1), 1.0)
        return self.floor + (self.peak - self.floor) * 0.5 * (1 + math.cos(math.pi * progress))
