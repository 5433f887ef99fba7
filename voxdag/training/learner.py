"""What a task brings to the training loop: its networks, their optimizers, and a step that says what is learned.

    batch (dict of tensors) -> learner.step(batch, update) -> losses by name, for the history
                               update(optimizer, loss): backward, clipping, step (see `voxdag.training.updater`)

A task of one network and one loss is a `OneLoss` with a `loss`; a task with several (a GAN) writes its own `step`:

    def step(self, batch, update):
        real, fake = batch["clean"], self.networks["generator"](batch["noisy"])
        critic = update("discriminator", self.critic_loss(real, fake.detach()))
        return {"discriminator": critic, "generator": update("generator", self.generator_loss(real, fake))}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from voxdag.data.shards import Shards
from voxdag.training.batches import Batch, Batches, LoaderSettings
from voxdag.training.optimizers import ONE_RATE, make_optimizer
from voxdag.training.recipe import Recipe

MAIN = "main"


@dataclass(frozen=True)
class Materials:
    """What a task makes its learner of.

    splits      the packed recordings of train and dev
    dev_tables  the other tables of dev (ASV scores)
    network     the system's network, on the device, with its first weights: the one that is scored and kept
    """

    splits: Mapping[str, Shards]
    dev_tables: Mapping[str, pd.DataFrame]
    loader: LoaderSettings
    recipe: Recipe
    network: nn.Module


class Update(Protocol):
    """How a step makes updates. step: the global step, by which a learner draws what it draws."""

    step: int

    def __call__(self, name: str, loss: Tensor | Iterable[Tensor]) -> float:
        """Update the optimizer `name` to lower `loss`, a scalar, or the sum of several that are made one by one; gives
        the loss."""


class Learner(Protocol):
    """What the loop asks of a task.

    HIGHER      the dev criteria that are better when higher; the others are errors
    networks    by name; all of them are part of an unfinished run's state, without what is frozen. What no optimizer
                has but a step changes (a moving average of weights) keeps requires_grad; what is fixed stands elsewhere
    optimizers  by name, made by `make_optimizer`: groups may have learning rates of their own, frozen parts are left
                out. A parameter's requires_grad is the same before and after a step: what is False is frozen.
    main        the name of the network that is scored, averaged and kept
    """

    HIGHER: frozenset[str]
    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    main: str

    def __len__(self) -> int:
        """Batches in an epoch."""

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The batches of a 0-based epoch from batch `first` on."""

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """Make one update or more; gives losses by name (float, or scalar tensor), which become columns train_<name>.

        The early-stopping rule about the training loss looks at the one called "loss". What is drawn here is a function
        of (seed, update.step), or comes from global generators (torch's, numpy's), which the updates seed.
        """

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """The main network's arguments of a batch, on the device."""

    def criteria(self) -> Mapping[str, float | None]:
        """The dev criteria that select checkpoints: None where dev does not define one, NaN where these weights do not
        have one (a correlation with a constant)."""

    def calibrate(self, chosen_by: Collection[str]) -> None:
        """Fit on dev what is fitted after training (a temperature), into the main network's buffers.

        chosen_by: the dev criteria that had a say in which weights these are.
        """

    def state(self) -> dict[str, object]:
        """What training carries from step to step besides networks and optimizers (a replay buffer): tensors, numbers
        and texts, and lists, tuples and dicts of them."""

    def load(self, state: dict[str, object]) -> None:
        """Go on from `state`, whose tensors are on the devices that they were on."""


class OneLoss(ABC):
    """A learner of one network, one optimizer and one loss; `loss`, `inputs` and `criteria` are the task's."""

    HIGHER: frozenset[str] = frozenset()
    main = MAIN

    def __init__(self, materials: Materials, dataset: Dataset, lr_ratios: Mapping[str, float] = ONE_RATE):
        self.network, self.device = materials.network, materials.loader.device
        self.networks = {MAIN: self.network}
        self.optimizers = {MAIN: make_optimizer(materials.recipe, self.network, lr_ratios)}
        self._batches = Batches(dataset, materials.loader)

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The dataset's batches of an epoch from batch `first` on."""
        return self._batches.epoch(epoch, first)

    def step(self, batch: Batch, update: Update) -> Mapping[str, float | Tensor]:
        """One update."""
        return {"loss": update(MAIN, self.loss(batch))}

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """A scalar."""

    @abstractmethod
    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """The network's arguments of a batch, on the device."""

    @abstractmethod
    def criteria(self) -> Mapping[str, float | None]:
        """The dev criteria that select checkpoints."""

    def calibrate(self, chosen_by: Collection[str]) -> None:  # noqa: B027 (most tasks have nothing to fit)
        """Nothing is fitted after training."""

    def state(self) -> dict[str, object]:
        """Nothing is carried besides network and optimizer."""
        return {}

    def load(self, state: dict[str, object]) -> None:  # noqa: B027
        """Nothing to go on from."""


def masked_mean(losses: Tensor, mask: Tensor) -> Tensor:
    """The mean of losses (B,) over the items that have a target, mask (B,) bool; 0 where none has one.

    The others have no part in the gradient, whatever their target says, as long as it is finite: 0 times NaN is NaN.
    """
    return torch.where(mask, losses, 0).sum() / mask.sum().clamp(min=1)
