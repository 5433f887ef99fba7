"""The one training loop: every system trains here, and a task brings only its learner (`voxdag.training.learner`).

A run that is killed anywhere and started again ends with the same bytes: all that the loop needs is in its state
(networks, optimizers, loss scale, mean of weights, what the learner carries, counters, history), the learning rate is a
function of the step, and every random draw is a function of (seed, epoch, utterance) or (seed, step, update); draws
from global generators begin anew before dev is scored, and when training has ended.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

from voxdag.core import ranks, runtime
from voxdag.core.errors import Refused
from voxdag.networks.frozen import is_frozen, load_trained_state, train_mode, trained_state
from voxdag.training.averaging import Average, refresh_batch_norm
from voxdag.training.batches import Batch
from voxdag.training.distributed import check_alike, share
from voxdag.training.early_stopping import EarlyStopping
from voxdag.training.event_log import EVENTS, EventLog, interval
from voxdag.training.events import EPOCH, STEP
from voxdag.training.learner import Learner
from voxdag.training.recipe import TF32, Recipe
from voxdag.training.run_state import RunState
from voxdag.training.schedule import Cosine
from voxdag.training.seeding import seed_global
from voxdag.training.tracking import Trackers
from voxdag.training.updater import Outcome, Updater

log = logging.getLogger(__name__)

TRAIN_LOSS = "train_loss"  # column of the loss that the early-stopping rule about it looks at


@dataclass
class Tally:
    """The epoch so far: steps, skipped updates, and of each column of the history the sum and number of its values."""

    steps: int = 0
    skipped: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, column: str, value: float, counts: bool) -> None:
        """Take in a value, or, where it does not count, only the column's name."""
        self.sums[column] = self.sums.get(column, 0.0) + (value if counts else 0.0)
        self.counts[column] = self.counts.get(column, 0) + counts

    def means(self) -> dict[str, float]:
        """The mean of each column; NaN where no value counted."""
        return {name: self.sums[name] / count if count else math.nan for name, count in self.counts.items()}


@dataclass
class Progress:
    """Where a run stands; everything here enters the state."""

    epoch: int = 0
    step: int = 0  # global, steps with skipped updates included
    nonfinite_in_a_row: int = 0
    stopped: str | None = None
    tally: Tally = field(default_factory=Tally)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    history: list[dict] = field(default_factory=list)
    best: dict[str, dict] = field(default_factory=dict)  # criterion -> {value, epoch}

    def state(self) -> dict:
        """What a resume needs."""
        parts = {"tally": vars(self.tally), "early_stopping": self.early_stopping.state()}
        return vars(self) | parts

    @staticmethod
    def of(state: dict) -> Progress:
        """The progress that `state` was made of."""
        parts = {
            "tally": Tally(**state["tally"]),
            "early_stopping": EarlyStopping(**state["early_stopping"]),
        }
        return Progress(**(state | parts))


@dataclass(frozen=True)
class Clock:
    """When this process began to train, and after how many epochs; no part of the state."""

    epoch: int = 0
    seconds: float = 0.0

    def left(self, done: int, epochs: int, now: float) -> str:
        """What the other epochs take at the pace since then: "3 s left", "12 min left" or "1 h 05 min left"."""
        seconds = round((now - self.seconds) / (done - self.epoch) * (epochs - done))
        minutes = round(seconds / 60)
        if seconds < 60:
            return f"{seconds} s left"
        return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min left"


class Loop:
    """One run: `Loop(...).run()` trains the learner's networks in place, from the run state where there is one."""

    def __init__(
        self,
        learner: Learner,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        run_state: RunState,
        trackers: Trackers | None = None,
    ):
        self.learner, self.recipe, self.device, self.run_state = learner, recipe, device, run_state
        self.network = learner.networks[learner.main]
        check_saved(learner.networks)
        share(learner.networks.values())
        self.seed = seed
        steps = recipe.epochs * len(learner)
        if 0 < steps <= recipe.warmup:
            log.warning("warmup is %d steps, all %d of training: lr is not reached", recipe.warmup, steps)
        self.schedule = Cosine(recipe.lr, recipe.lr_floor, recipe.warmup, steps)
        self.updater = Updater(learner.optimizers, recipe, seed, device)
        self.average = Average()
        self.log_every = interval(recipe.log_every, steps)
        self.events = EventLog(run_state.folder / EVENTS, trackers or Trackers.none())
        self.progress = Progress()
        self.clock = Clock()

    def run(self) -> Progress:
        """Train to the last epoch or to a stopping rule."""
        self.resume()
        self.clock = Clock(self.progress.epoch, time.monotonic())
        with self.events.followed(self.goes_on):
            while self.goes_on:
                self.run_epoch()
                self.end_epoch()
        seed_global(self.seed, "after training")
        return self.progress

    @property
    def goes_on(self) -> bool:
        """Whether there is an epoch to train."""
        return self.progress.epoch < self.recipe.epochs and self.progress.stopped is None

    def run_epoch(self) -> None:
        """The steps of the epoch that are still to do."""
        for network in self.learner.networks.values():
            train_mode(network)
        done = self.progress.tally.steps
        batches = self.learner.batches(self.progress.epoch, done)
        options = {"initial": done, "total": len(self.learner), "leave": False, "unit": "batch"}
        for batch in tqdm(batches, disable=not (sys.stderr.isatty() and ranks.is_first()), **options):
            self.run_step(batch)
            now = time.monotonic()
            if self.run_state.is_due(now):
                self.save()
            elif self.events.is_due(now):
                self.events.flush()

    def run_step(self, batch: Batch) -> None:
        """The learner's updates on one batch."""
        self.updater.begin(self.progress.step, self.schedule(self.progress.step))
        with runtime.tf32(self.recipe.precision in TF32), self.updater.autocast():
            losses = self.learner.step(batch, self.updater)
        self.count_step(_floats(losses))

    def count_step(self, losses: Mapping[str, float]) -> None:
        """Count a step and its updates. A step that skipped one has no part in the mean losses of the epoch."""
        progress, tally, outcomes = self.progress, self.progress.tally, self.updater.outcomes
        skipped = [outcome for outcome in outcomes if not outcome.taken]
        for name, loss in losses.items():
            tally.add(f"train_{name}", loss, counts=not skipped)
        for outcome in outcomes:
            tally.add(self.norm_column(outcome.optimizer), outcome.grad_norm, counts=outcome.taken)
        tally.steps, tally.skipped = tally.steps + 1, tally.skipped + len(skipped)
        progress.step += 1
        self.log_step(losses, skipped)
        progress.nonfinite_in_a_row = progress.nonfinite_in_a_row + 1 if skipped else 0
        if progress.nonfinite_in_a_row > self.recipe.max_nonfinite:
            last = skipped[-1]
            raise Refused(
                f"{progress.nonfinite_in_a_row} steps in a row had a loss or gradient that is not finite "
                f"(max_nonfinite is {self.recipe.max_nonfinite}), the last at step {progress.step}, optimizer "
                f"{last.optimizer}: loss {last.loss}, gradient norm {last.grad_norm}"
            )

    def log_step(self, losses: Mapping[str, float], skipped: Sequence[Outcome]) -> None:
        """The event of the step that was just counted, where it is its turn or an update was skipped: its losses, the
        mean norm of each optimizer's gradients, the learning rate."""
        if self.progress.step % self.log_every and not skipped:
            return
        norms: dict[str, list[float]] = {}
        for outcome in self.updater.outcomes:
            norms.setdefault(self.norm_column(outcome.optimizer), []).append(outcome.grad_norm)
        values = {**losses, **{name: sum(several) / len(several) for name, several in norms.items()}}
        values["lr"] = self.schedule(self.progress.step - 1)
        if skipped:
            values["skipped"] = len(skipped)
        self.events.add(STEP, self.progress.step, {f"train/{name}": value for name, value in values.items()})

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """The event of an epoch: its row of the history. Its place on the other clock is a value as any other."""
        values = {"global_step" if name == "step" else name: value for name, value in row.items() if name != "epoch"}
        self.events.add(EPOCH, int(row["epoch"]), {f"epoch/{name}": value for name, value in values.items()})

    def norm_column(self, optimizer: str) -> str:
        """The history's column of an optimizer's gradient norms."""
        return "grad_norm" if len(self.learner.optimizers) == 1 else f"grad_norm_{optimizer}"

    def end_epoch(self) -> None:
        """Score dev, keep what is best, count towards the stopping rules, write the state."""
        progress, means = self.progress, self.progress.tally.means()
        seed_global(self.seed, "dev", progress.epoch)
        scored = self.score_dev()
        self.check_rules(scored, means)
        criteria = defined(scored)
        errors = self.errors(criteria)
        is_best = self.keep_best(criteria, errors)
        if self.recipe.averaging.takes(progress.epoch, self.recipe.epochs, is_best):
            self.average.add(self.network)
        row = self.row(criteria, means)
        progress.history.append(row)
        self.log_epoch(row)
        progress.stopped = progress.early_stopping.update(self.recipe.stopping, errors, means.get(TRAIN_LOSS, math.nan))
        progress.epoch, progress.tally = progress.epoch + 1, Tally()
        check_alike(self.learner.networks, f"after epoch {progress.epoch}")
        self.save()

    def score_dev(self) -> dict[str, float | None]:
        """The dev criteria of the weights as they are."""
        self.network.eval()
        with torch.inference_mode():
            scored = self.learner.criteria()
        return {name: None if value is None else float(value) for name, value in scored.items()}

    def check_rules(self, scored: Mapping[str, float | None], means: Mapping[str, float]) -> None:
        """Raises Refused if a stopping rule is about a criterion or a loss that the learner does not have, or about no
        criterion of a learner that has some.

        A criterion that dev did define before is only undefined for these weights.
        """
        rules = self.recipe.stopping
        chooses = rules.criterion is not None or len(scored) > 0
        if chooses and scored.get(rules.criterion) is None and rules.criterion not in self.progress.best:  # type: ignore[arg-type]
            names = ", ".join(name for name, value in scored.items() if value is not None) or "none"
            raise Refused(f"stopping.criterion is {rules.criterion!r}, which dev does not define; it has {names}")
        if rules.train_loss_threshold > 0 and TRAIN_LOSS not in means:
            raise Refused(
                f"stopping.train_loss_threshold is {rules.train_loss_threshold}, but no training loss is called "
                f"'loss'; the history has {', '.join(means)}"
            )

    def errors(self, criteria: Mapping[str, float]) -> dict[str, float]:
        """The criteria with the sign that makes lower better."""
        return {name: -value if name in self.learner.HIGHER else value for name, value in criteria.items()}

    def keep_best(self, criteria: Mapping[str, float], errors: Mapping[str, float]) -> bool:
        """Keep the weights for each criterion they improve; whether the stopping criterion is at its best or ties."""
        best, main = self.progress.best, self.recipe.stopping.criterion
        so_far = self.errors({name: kept["value"] for name, kept in best.items()})
        for name, error in errors.items():
            if error < so_far.get(name, math.inf) or name not in best:
                best[name] = {"value": criteria[name], "epoch": self.progress.epoch + 1}
                self.run_state.keep(name, self.progress.epoch + 1, self.network)
        return main in errors and errors[main] <= so_far.get(main, math.inf)  # type: ignore[arg-type, index]

    def row(self, criteria: Mapping[str, float], means: Mapping[str, float]) -> dict:
        """One epoch of the history, and its log line."""
        progress = self.progress
        row = {"epoch": progress.epoch + 1, "step": progress.step, "lr": self.schedule(progress.step - 1)}
        row |= {**means, "skipped": progress.tally.skipped}
        row |= {f"dev_{name}": value for name, value in criteria.items()}
        said = [f"epoch {progress.epoch + 1} of {self.recipe.epochs}"]
        said += [f"{name} {value:.4g}" for name, value in row.items() if name != "epoch"]
        log.info("  ".join([*said, self.clock.left(progress.epoch + 1, self.recipe.epochs, time.monotonic())]))
        return row

    def columns(self) -> list[str]:
        """The columns of the history, those of a run without an epoch too."""
        norms = [self.norm_column(name) for name in self.learner.optimizers]
        rows = self.progress.history or [dict.fromkeys(["epoch", "step", "lr", TRAIN_LOSS, *norms, "skipped"])]
        return list(dict.fromkeys(name for row in rows for name in row))

    def load_average(self) -> bool:
        """Set the network to the mean of weights, its batch norm refreshed on train; False where no weights entered."""
        if not self.average.count:
            return False
        self.average.copy_to(self.network)
        batches = self.learner.batches(self.recipe.epochs, 0)
        refresh_batch_norm(self.network, (self.learner.inputs(batch) for batch in batches))
        return True

    def state(self) -> dict:
        """All that a resume needs; frozen tensors are as the run's start makes them."""
        return {
            "networks": {name: trained_state(network) for name, network in self.learner.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.learner.optimizers.items()},
            "scaler": self.updater.scaler.state_dict(),
            "average": self.average.state(),
            "learner": self.learner.state(),
            "progress": self.progress.state(),
            "events": self.events.state(),
        }

    def load(self, state: dict) -> None:
        """Go on from `state`."""
        for name, network in self.learner.networks.items():
            load_trained_state(network, state["networks"][name])
        for name, optimizer in self.learner.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.updater.scaler.load_state_dict(state["scaler"])
        self.average.load(state["average"], self.device)
        self.learner.load(state["learner"])
        self.progress = Progress.of(state["progress"])
        self.events.cut(**state["events"])

    def save(self) -> None:
        """Write the events, then the state, which says how far they go, and drop the kept weights that it no longer
        names."""
        self.events.flush()
        self.run_state.save(self.state(), {name: best["epoch"] for name, best in self.progress.best.items()})

    def resume(self) -> None:
        """Go on from the run state, where there is one."""
        state = self.run_state.read()
        if state is None:
            self.events.empty()
        else:
            self.load(state)
            log.info("resumed at epoch %d, step %d", self.progress.epoch + 1, self.progress.step)
        ranks.agree("the step at which training begins", self.progress.step)


def check_saved(networks: Mapping[str, nn.Module]) -> None:
    """Raises ValueError for a network that is wholly frozen: the state would leave it out, and a resume would go on
    from its first weights."""
    for name, network in networks.items():
        if is_frozen(network):
            raise ValueError(
                f"the network {name!r} of the learner is wholly frozen, so the state would not hold it: leave it out "
                "of `networks` if it is fixed, or keep requires_grad if a step changes it (a moving average of weights)"
            )


def defined(criteria: Mapping[str, float | None]) -> dict[str, float]:
    """The criteria that have a value: neither None nor NaN."""
    return {name: value for name, value in criteria.items() if value is not None and not math.isnan(value)}


def _floats(losses: Mapping[str, float | Tensor]) -> dict[str, float]:
    """The losses as numbers; those that are still on the device come in one transfer."""
    tensors = {name: loss.detach().double() for name, loss in losses.items() if isinstance(loss, Tensor)}
    values = torch.stack(list(tensors.values())).tolist() if tensors else []
    fetched = dict(zip(tensors, values, strict=True))
    return {name: fetched[name] if name in fetched else float(loss) for name, loss in losses.items()}
