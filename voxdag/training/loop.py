"""The one training loop: every system trains here, and a task brings only its batches, its loss and its dev criteria.

A run that is killed anywhere and started again ends with the same bytes: all that the loop needs is in its state
(weights, optimizer, loss scale, mean of weights, counters, history), the learning rate is a function of the step, and
every random draw is a function of (seed, epoch, utterance) or (seed, step).
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from voxdag.core.errors import Refused
from voxdag.training.averaging import Average, Averaging, refresh_batch_norm
from voxdag.training.schedule import Cosine
from voxdag.training.seeding import seed_torch
from voxdag.training.stopping import Stopping, Watch
from voxdag.training.workshop import Workshop

log = logging.getLogger(__name__)

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}  # L2 in the gradient; decoupled weight decay
HISTORY = ("epoch", "step", "lr", "train_loss", "grad_norm", "skipped")  # and the dev criteria
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. `clip_norm` null: no clipping. `warmup` in steps."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    lr_floor: float
    warmup: int
    betas: tuple[float, float]
    weight_decay: float
    clip_norm: float | None
    precision: str
    max_nonfinite: int
    averaging: Averaging
    stopping: Stopping

    def __post_init__(self) -> None:
        for value, name, table in (
            (self.optimizer, "optimizer", OPTIMIZERS),
            (self.precision, "precision", PRECISIONS),
        ):
            if value not in table:
                raise Refused(f"{name} is {value!r}, expected one of {', '.join(table)}")


class Objective(Protocol):
    """What a task brings to the loop. HIGHER: the criteria that are better when higher; the others are errors."""

    HIGHER: frozenset[str]

    def __len__(self) -> int:
        """Batches in an epoch."""

    def batches(self, epoch: int, first: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches of an epoch from batch `first` on."""

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The network's arguments of a batch, on the device."""

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """A scalar."""

    def criteria(self, network: nn.Module) -> dict[str, float | None]:
        """The dev criteria that select checkpoints; None where dev does not define one."""

    def finish(self, network: nn.Module) -> None:
        """Fit on dev what is fitted after training (a temperature), into the network's buffers."""


@dataclass
class Tally:
    """Sums over the steps of the epoch so far."""

    steps: int = 0
    taken: int = 0
    loss: float = 0.0
    grad_norm: float = 0.0
    skipped: int = 0


@dataclass
class Progress:
    """Where a run stands; everything here enters the state."""

    epoch: int = 0
    step: int = 0  # global, skipped steps included
    nonfinite_in_a_row: int = 0
    stopped: str | None = None
    tally: Tally = field(default_factory=Tally)
    watch: Watch = field(default_factory=Watch)
    history: list[dict] = field(default_factory=list)
    best: dict[str, dict] = field(default_factory=dict)  # criterion -> {value, epoch}


class Loop:
    """One run: `Loop(...).run()` trains `network` in place, from the workshop's state where it holds one."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        workshop: Workshop,
    ):
        self.network, self.objective, self.recipe, self.seed, self.device = network, objective, recipe, seed, device
        self.workshop = workshop
        options = {"lr": recipe.lr, "betas": recipe.betas, "weight_decay": recipe.weight_decay}
        self.optimizer = OPTIMIZERS[recipe.optimizer](network.parameters(), **options)
        self.schedule = Cosine(recipe.lr, recipe.lr_floor, recipe.warmup, recipe.epochs * len(objective))
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
        self.average = Average()
        self.progress = Progress()

    def run(self) -> Progress:
        """Train to the last epoch or to a stopping rule."""
        self.resume()
        while self.progress.epoch < self.recipe.epochs and self.progress.stopped is None:
            self.run_epoch()
            self.end_epoch()
        return self.progress

    def run_epoch(self) -> None:
        """The steps of the epoch that are still to do."""
        self.network.train()
        done = self.progress.tally.steps
        batches = self.objective.batches(self.progress.epoch, done)
        options = {"initial": done, "total": len(self.objective), "leave": False, "unit": "batch"}
        for batch in tqdm(batches, disable=not sys.stderr.isatty(), **options):
            self.run_step(batch)
            if self.workshop.is_due(time.monotonic()):
                self.save()

    def run_step(self, batch: tuple[Tensor, ...]) -> None:
        """Forward, backward and, unless the loss or a gradient is not finite, an optimizer step."""
        self.prepare_step()
        with self.autocast():
            loss = self.objective.loss(self.network, batch)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm or math.inf)
        self.count_step(loss.item(), norm.item())

    def prepare_step(self) -> None:
        """The learning rate and the dropout stream of this step, both functions of the global step alone."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule(self.progress.step)
        seed_torch(self.seed, "dropout", self.progress.step)

    def count_step(self, loss: float, norm: float) -> None:
        """Step the optimizer, or skip and count a step whose loss or gradient is not finite."""
        progress, tally = self.progress, self.progress.tally
        finite = math.isfinite(loss) and math.isfinite(norm)
        if finite:
            self.scaler.step(self.optimizer)
            tally.taken, tally.loss, tally.grad_norm = tally.taken + 1, tally.loss + loss, tally.grad_norm + norm
        self.scaler.update()
        progress.nonfinite_in_a_row = 0 if finite else progress.nonfinite_in_a_row + 1
        tally.skipped += not finite
        progress.step, tally.steps = progress.step + 1, tally.steps + 1
        if progress.nonfinite_in_a_row > self.recipe.max_nonfinite:
            raise Refused(
                f"{progress.nonfinite_in_a_row} steps in a row had a loss or gradient that is not finite "
                f"(max_nonfinite is {self.recipe.max_nonfinite}), the last at step {progress.step}: loss {loss}, "
                f"gradient norm {norm}"
            )

    def autocast(self) -> AbstractContextManager:
        """Mixed precision of the forward pass."""
        precision = PRECISIONS[self.recipe.precision]
        return torch.autocast(self.device.type, precision, enabled=precision is not torch.float32)

    def end_epoch(self) -> None:
        """Score dev, keep what is best, count towards the stopping rules, write the state."""
        progress, tally = self.progress, self.progress.tally
        criteria = self.score_dev()
        errors = self.errors(criteria)
        is_best = self.keep_best(criteria, errors)
        if self.recipe.averaging.takes(progress.epoch, self.recipe.epochs, is_best):
            self.average.add(self.network)
        train_loss = tally.loss / tally.taken if tally.taken else math.nan
        progress.history.append(self.row(criteria, train_loss))
        progress.stopped = progress.watch.update(self.recipe.stopping, errors, train_loss)
        progress.epoch, progress.tally = progress.epoch + 1, Tally()
        self.save()

    def score_dev(self) -> dict[str, float]:
        """The dev criteria of the weights as they are, without those that are not defined."""
        self.network.eval()
        with torch.inference_mode():
            criteria = self.objective.criteria(self.network)
        return {name: value for name, value in criteria.items() if value is not None}

    def errors(self, criteria: dict[str, float]) -> dict[str, float]:
        """The criteria with the sign that makes lower better."""
        return {name: -value if name in self.objective.HIGHER else value for name, value in criteria.items()}

    def keep_best(self, criteria: dict[str, float], errors: dict[str, float]) -> bool:
        """Keep the weights for each criterion they improve; whether the stopping criterion is at its best or ties."""
        best, watched = self.progress.best, self.recipe.stopping.criterion
        if watched not in criteria:
            raise Refused(f"stopping.criterion is {watched!r}, which dev does not define; it has {', '.join(criteria)}")
        so_far = self.errors({name: kept["value"] for name, kept in best.items()})
        for name, error in errors.items():
            if name not in best or error < so_far[name]:
                best[name] = {"value": criteria[name], "epoch": self.progress.epoch + 1}
                self.workshop.keep(name, self.progress.epoch + 1, self.network)
        return watched not in so_far or errors[watched] <= so_far[watched]

    def row(self, criteria: dict[str, float], train_loss: float) -> dict:
        """One epoch of the history, and its log line."""
        progress, tally = self.progress, self.progress.tally
        row = {
            "epoch": progress.epoch + 1,
            "step": progress.step,
            "lr": self.schedule(progress.step - 1),
            "train_loss": train_loss,
            "grad_norm": tally.grad_norm / tally.taken if tally.taken else math.nan,
            "skipped": tally.skipped,
        } | {f"dev_{name}": value for name, value in criteria.items()}
        log.info("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
        return row

    def columns(self) -> list[str]:
        """The columns of the history, those of a run without an epoch too."""
        return list(self.progress.history[0]) if self.progress.history else list(HISTORY)

    def averaged(self) -> bool:
        """Set the network to the mean of weights, its batch norm refreshed on train; False where no weights entered."""
        if not self.average.count:
            return False
        self.average.copy_to(self.network)
        batches = self.objective.batches(self.recipe.epochs, 0)
        refresh_batch_norm(self.network, (self.objective.inputs(batch) for batch in batches))
        return True

    def state(self) -> dict:
        """All that a resume needs."""
        progress = {**vars(self.progress), "tally": vars(self.progress.tally), "watch": self.progress.watch.state()}
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state(),
            "progress": progress,
        }

    def load(self, state: dict) -> None:
        """Go on from `state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.average.load(state["average"], self.device)
        progress = state["progress"]
        self.progress = Progress(
            **{**progress, "tally": Tally(**progress["tally"]), "watch": Watch(**progress["watch"])}
        )

    def save(self) -> None:
        """Write the state, and drop the kept weights that it no longer names."""
        self.workshop.save(self.state(), {name: best["epoch"] for name, best in self.progress.best.items()})

    def resume(self) -> None:
        """Go on from the workshop's state, where it holds one."""
        state = self.workshop.state(self.device)
        if state is not None:
            self.load(state)
            log.info("resumed at epoch %d, step %d", self.progress.epoch + 1, self.progress.step)
