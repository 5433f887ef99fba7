"""Gradient reversal: a network is trained to mislead a classifier that is trained on what it says.

Forward nothing is changed; backward the gradient is turned round and multiplied by the strength, there and nowhere
else. So the classifier learns at full strength from the first step on, also while the strength is 0.

Source: Ganin et al., "Domain-adversarial training of neural networks", JMLR 17, 2016: section 4.2, and 5.2.2 for the
exponential schedule, 2 / (1 + exp(-10 p)) - 1 with p from 0 to 1 over training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from voxdag.core import bounds

STEEPNESS = 10.0  # of the exponential schedule
SHAPES = {
    "constant": lambda p: 1.0,
    "linear": lambda p: p,
    "exponential": lambda p: 2 / (1 + math.exp(-STEEPNESS * p)) - 1,
}


@dataclass(frozen=True)
class Strength:
    """The strength by step: 0 in the `warmup` first steps, then from `start` to `end` in a shape, a key of SHAPES;
    constant: `end` at once."""

    shape: str
    start: float
    end: float
    warmup: int

    def __post_init__(self) -> None:
        bounds.one_of(self, SHAPES, "shape")
        bounds.at_least(self, 0, "start", "end", "warmup")
        bounds.above(self, 0, "end")

    def at(self, step: int, steps: int) -> float:
        """That of a 0-based step of so many."""
        if step < self.warmup:
            return 0.0
        progress = min(1.0, (step - self.warmup) / max(steps - self.warmup - 1, 1))
        return self.start + SHAPES[self.shape](progress) * (self.end - self.start)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def reversed_gradient(values: Tensor, strength: float) -> Tensor:
    """The values, whose gradient is turned round and multiplied by the strength."""
    return _Reversal.apply(values, strength)
