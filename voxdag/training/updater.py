"""One update of one optimizer, the same for every learner: the only place where gradients are made and used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from voxdag.core import ranks
from voxdag.core.errors import Refused
from voxdag.training.distributed import sum_gradients
from voxdag.training.optimizers import set_learning_rate
from voxdag.training.recipe import PRECISIONS, Recipe
from voxdag.training.seeding import seed_global


@dataclass(frozen=True)
class Outcome:
    """What came of one update: its loss, the norm of its gradients before clipping, whether the optimizer stepped."""

    optimizer: str
    loss: float
    grad_norm: float
    taken: bool


class Updater:
    """What a learner's `step` is given: `updater(optimizer, loss)` makes one update, `updater.step` is the global step.

    A learner may update several times within a step, the same optimizer too. Learning rates are functions of the step;
    draws from global generators (dropout) before the first update are a function of (seed, step), those after the n-th
    one of (seed, step, n). So nothing depends on what was drawn before, and nothing of it needs to be saved.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer], recipe: Recipe, seed: int, device: torch.device):
        self.optimizers, self.clip_norm, self.seed, self.device = optimizers, recipe.clip_norm, seed, device
        self.precision = PRECISIONS[recipe.precision]
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
        self.step = 0
        self.outcomes: list[Outcome] = []

    def begin(self, step: int, lr: float) -> None:
        """Begin the global step with this learning rate."""
        self.step, self.outcomes = step, []
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, lr)
        seed_global(self.seed, "dropout", step)

    def __call__(self, name: str, loss: Tensor | Iterable[Tensor]) -> float:
        """Update the optimizer `name` to lower `loss`, a scalar or the sum of several; gives the loss.

        The gradients are those of this loss alone. Of several losses each is asked for when the gradients of the one
        before it are there, so that the graph of one is in memory at a time (gradient accumulation).

        An update whose loss or gradient is not finite leaves weights and optimizer as they are. That must be known
        before the optimizer steps, so the two numbers are fetched from the device here, in one transfer, the only one.
        Of several processes that train together, the gradients are those of all, and the first one's numbers decide.

        Raises Refused for an optimizer that the learner does not have.
        """
        optimizer = self._optimizer(name)
        optimizer.zero_grad(set_to_none=True)
        loss = self._backward([loss] if isinstance(loss, Tensor) else loss)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        sum_gradients(parameters)
        self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if self.clip_norm is None else self.clip_norm)
        outcome = self._outcome(name, loss, norm)
        if outcome.taken:
            self.scaler.step(optimizer)
        self.scaler.update()
        self._begin_next(outcome)
        return outcome.loss

    def autocast(self) -> AbstractContextManager:
        """Mixed precision of the forward passes."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32)

    def _optimizer(self, name: str) -> Optimizer:
        if name not in self.optimizers:
            raise Refused(f"no optimizer {name!r}; the learner has {', '.join(self.optimizers)}")
        return self.optimizers[name]

    def _backward(self, losses: Iterable[Tensor]) -> Tensor:
        """Add up the gradients of the losses; gives the sum of the losses, float64."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for loss in losses:
            with torch.autocast(self.device.type, enabled=False):  # backward runs in the precisions of forward
                self.scaler.scale(loss).backward()
            total += loss.detach()
        return total

    def _outcome(self, name: str, loss: Tensor, norm: Tensor) -> Outcome:
        value, size = ranks.of_first(torch.stack([loss, norm.to(loss)]).tolist())
        return Outcome(name, value, size, math.isfinite(value) and math.isfinite(size))

    def _begin_next(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        torch.clear_autocast_cache()  # it holds the weights from before the update, cast
        seed_global(self.seed, "dropout", self.step, len(self.outcomes))
