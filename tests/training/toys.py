"""Learners small enough to be killed at every step: one loss, two heads, a frozen part, a GAN, and what learners do
besides: draw from global generators, smooth their weights, add up gradients."""

import contextlib
import copy
import json
import math
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.core.streams import generator, order
from voxdag.networks.frozen import trained_state
from voxdag.networks.weights import write_weights
from voxdag.training.averaging import Averaging
from voxdag.training.batches import LoaderSettings
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials, OneLoss, masked_mean
from voxdag.training.loop import Loop
from voxdag.training.optimizers import make_optimizer
from voxdag.training.recipe import Recipe
from voxdag.training.run_state import RunState

N, BATCH, EPOCHS = 24, 4, 3
CPU = torch.device("cpu")


def nothing(*_, **__):
    pass


def recipe(**changes):
    settings = {
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "optimizer": "adam",
        "lr": 1e-2,
        "lr_floor": 1e-4,
        "warmup": 4,
        "betas": (0.9, 0.999),
        "weight_decay": 1e-4,
        "clip_norm": 1.0,
        "precision": "fp32",
        "max_nonfinite": 2,
        "averaging": Averaging("tail", 0.3),
        "stopping": StoppingRules("mse", None, 0.0, 0.0, 1),
    }
    return Recipe(**(settings | changes))


def loop(folder, make_learner, about=None, save_seconds=0.0, trackers=None, **changes):
    """A loop that saves after every step; make_learner(recipe) -> learner."""
    made = recipe(**changes)
    run_state = RunState(folder, save_seconds, about or {"network": "toy"})
    return Loop(make_learner(made), made, 7, CPU, run_state, trackers)


def all_bytes(finished, folder):
    """Everything that a finished run leaves: weights of all networks, kept, averaged, the history and the
    events."""
    write_weights(folder / "last.safetensors", finished.network, finished.run_state.about)
    parts = [(folder / "last.safetensors").read_bytes()]
    for network in finished.learner.networks.values():
        parts += [tensor.numpy().tobytes() for tensor in trained_state(network).values()]
    kept = finished.progress.best.items()
    parts += [finished.run_state.best_file(name, best["epoch"]).read_bytes() for name, best in kept]
    assert finished.load_average()
    write_weights(folder / "averaged.safetensors", finished.network, finished.run_state.about)
    parts += [(folder / "averaged.safetensors").read_bytes(), json.dumps(finished.progress.history).encode()]
    return [*parts, finished.events.content()]


class Killed(Exception):
    pass


class KillAt:
    """Raises Killed when it is called for the n-th time; counts from 1."""

    def __init__(self, n):
        self.n, self.calls = n, 0

    def __call__(self, *_):
        self.calls += 1
        if self.calls == self.n:
            raise Killed


def kill(folder, make_learner, kill_at, about=None, **changes):
    """Start a run, or go on with it, until the `kill_at`-th call of `fault`; make_learner(recipe, fault) -> learner."""
    fault = KillAt(kill_at)
    with contextlib.suppress(Killed):
        loop(folder / "state", lambda made: make_learner(made, fault), about, **changes).run()
    assert fault.calls == kill_at, "the run was not killed"


def killed_and_resumed(folder, make_learner, kill_at, before_resume=nothing, about=None, **changes):
    """The bytes of a run that was killed at its `kill_at`-th call of `fault`, and then started again."""
    kill(folder, make_learner, kill_at, about, **changes)
    resumed = loop(folder / "state", make_learner, about, **changes)
    before_resume(resumed)
    resumed.run()
    return all_bytes(resumed, folder)


class Rows(Dataset):
    """Items of a table of tensors, asked for as (epoch, i)."""

    def __init__(self, **columns):
        self.columns = columns

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitems__(self, items):
        rows = [i for _, i in items]
        return {name: column[rows] for name, column in self.columns.items()}


def table(seed):
    """12 features, of which the target is the sum of the first three."""
    x = torch.tensor(generator(seed, "toy").normal(size=(N, 12)), dtype=torch.float32)
    return x, x[:, :3].sum(1, keepdim=True)


def materials(network, made, seed=0):
    return Materials({}, {}, LoaderSettings(made.batch_size, seed, CPU, 0), made, network)


def small_network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))


class Lambda(nn.Module):
    """What a function of the input says."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Regression(OneLoss):
    """One network, one loss; dropout and batch norm are in the network. `fault` is called before every update."""

    def __init__(self, made, fault=nothing, seed=0, network=None):
        self.x, self.y = table(seed)
        self.fault = fault
        super().__init__(materials(network or small_network(), made, seed), Rows(x=self.x, y=self.y))

    def inputs(self, batch):
        return (batch["x"],)

    def loss(self, batch):
        self.fault()
        return ((self.network(batch["x"]) - batch["y"]) ** 2).mean()

    def criteria(self):
        return {"mse": ((self.network(self.x) - self.y) ** 2).mean().item(), "undefined": None}


class PartlyFrozen(nn.Module):
    """A front end with batch norm and dropout, and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(6)
        self.front = nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 8))
        self.head = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, x):
        return self.head(torch.tanh(self.front(x)))


def partly_frozen():
    network = PartlyFrozen()
    with torch.no_grad():
        network.front[1].running_mean.copy_(torch.linspace(-1, 1, 16))  # as training on other data left it
    network.front.requires_grad_(False)
    return network


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(8)
        self.shared, self.arousal, self.valence = nn.Linear(12, 4), nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x):
        hidden = torch.tanh(self.shared(x))
        return {"arousal": self.arousal(hidden).squeeze(1), "valence": self.valence(hidden).squeeze(1)}  # (B,) each


class TwoHeaded(OneLoss):
    """Two heads, of which every item has a target for one at least; losses by name beside the one that is lowered."""

    def __init__(self, made, columns):
        self.columns = columns
        super().__init__(materials(TwoHeads(), made), Rows(**columns))

    def inputs(self, batch):
        return (batch["x"],)

    def head_losses(self, batch):
        outputs = self.network(batch["x"])
        return {
            head: masked_mean((output - batch[head]) ** 2, batch[f"mask_{head}"]) for head, output in outputs.items()
        }

    def loss(self, batch):
        return sum(self.head_losses(batch).values())

    def step(self, batch, update):
        losses = self.head_losses(batch)
        return {"loss": update(self.main, sum(losses.values()))} | losses

    def criteria(self):
        return {"mse": float(self.loss(self.columns))}


def two_heads(**changes):
    """Four items: two with both targets, one without valence, one without arousal."""
    draw = torch.Generator().manual_seed(3)
    columns = {
        "x": torch.randn(4, 12, generator=draw),
        "arousal": torch.randn(4, generator=draw),
        "valence": torch.randn(4, generator=draw),
        "mask_arousal": torch.tensor([True, True, True, False]),
        "mask_valence": torch.tensor([True, True, False, True]),
    }
    return columns | changes


class Gan:
    """Two networks that are updated in turns; the discriminator also sees fakes of earlier steps, from a replay buffer.

    `fault` is called before each of the two updates of a step.
    """

    HIGHER = frozenset()
    main = "generator"
    PLACES = 6  # of the buffer

    def __init__(self, made, fault=nothing, seed=0):
        self.seed, self.fault = seed, fault
        torch.manual_seed(9)
        self.networks = {
            "generator": nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 2)),
            "discriminator": nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)),
        }
        self.optimizers = {
            "discriminator": make_optimizer(made, self.networks["discriminator"], {"": 0.5}),
            "generator": make_optimizer(made, self.networks["generator"]),
        }
        self.real = torch.tensor(generator(seed, "real").normal(2, 0.5, (N, 2)), dtype=torch.float32)
        self.past = torch.zeros(0, 2)

    def __len__(self):
        return N // BATCH

    def batches(self, epoch, first):
        rows = order(self.seed, epoch, N)
        for i in range(first, len(self)):
            chosen = rows[i * BATCH : (i + 1) * BATCH]
            noise = generator(self.seed, "noise", epoch, i).normal(size=(BATCH, 3))
            yield {"real": self.real[chosen], "noise": torch.tensor(noise, dtype=torch.float32)}

    def inputs(self, batch):
        return (batch["noise"],)

    def step(self, batch, update):
        generate, judge = self.networks["generator"], self.networks["discriminator"]
        fake = generate(batch["noise"])
        seen = torch.cat([fake.detach(), self.drawn(update.step)])
        self.fault()
        real_loss, fake_loss = F.softplus(-judge(batch["real"])).mean(), F.softplus(judge(seen)).mean()
        losses = {"discriminator": update("discriminator", real_loss + fake_loss), "real": real_loss}
        self.fault()
        losses["generator"] = update("generator", F.softplus(-judge(fake)).mean())
        self.past = torch.cat([self.past, fake.detach()])[-self.PLACES :]
        return losses

    def drawn(self, step):
        """Three fakes of earlier steps, or fewer where there are none yet."""
        rows = generator(self.seed, "replay", step).permutation(len(self.past))[:3]
        return self.past[rows]

    def criteria(self):
        noise = torch.tensor(generator(self.seed, "dev").normal(size=(32, 3)), dtype=torch.float32)
        made = self.networks["generator"](noise)
        return {"mse": ((made.mean(0) - self.real.mean(0)) ** 2).mean().item()}

    def calibrate(self, chosen_by):
        pass

    def state(self):
        return {"past": self.past}

    def load(self, state):
        self.past = state["past"]


def drawn():
    """A number from every global generator."""
    return random.random() + np.random.random() + torch.rand(()).item()  # noqa: NPY002


def as_in_another_process(seed):
    """Global generators stand elsewhere than they would in this process."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class Drawing(Regression):
    """Draws from every global generator, in its loss and on dev, as packages do that know no other; what it measures
    are numbers of numpy, as pandas gives them."""

    def loss(self, batch):
        return super().loss(batch) * (1 + drawn())

    def inputs(self, batch):
        return (batch["x"] + torch.randn(12),)

    def criteria(self):
        return {"mse": np.float64(super().criteria()["mse"] + drawn())}


class Smoothed(Regression):
    """An exponential moving average of the weights is what is scored and kept."""

    main = "smoothed"

    def __init__(self, made, fault=nothing):
        super().__init__(made, fault)
        self.networks = {"smoothed": copy.deepcopy(self.network), "trained": self.network}

    def step(self, batch, update):
        loss = update("main", self.loss(batch))
        with torch.no_grad():
            pairs = zip(self.networks["smoothed"].parameters(), self.network.parameters(), strict=True)
            for smoothed, trained in pairs:
                smoothed.lerp_(trained, 0.1)
        return {"loss": loss}


class Accumulating(Regression):
    """Each step's gradients are those of two halves of its batch."""

    def step(self, batch, update):
        return {"loss": update("main", self.half_losses(batch))}

    def half_losses(self, batch):
        for i in range(2):
            yield self.loss({name: rows[i::2] for name, rows in batch.items()}) / 2


def nan_at(steps):
    """A factor for the n-th call: NaN where n is one of `steps`, else 1."""
    calls = iter(range(1, 10_000))
    return lambda: math.nan if next(calls) in steps else 1.0


class NaNAt(Regression):
    """The loss of the chosen steps is not a number."""

    def __init__(self, made, steps):
        super().__init__(made)
        self.factor = nan_at(steps)

    def loss(self, batch):
        return super().loss(batch) * self.factor()
