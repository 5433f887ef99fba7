"""The training loop on a small problem: resume is exact, controls fail, skips are counted, stopping stops."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from voxdag.core.streams import generator, order
from voxdag.networks.weights import write_weights
from voxdag.training.averaging import Averaging
from voxdag.training.loop import Loop, Recipe
from voxdag.training.stopping import Stopping
from voxdag.training.workshop import Workshop

N, BATCH, EPOCHS = 24, 4, 3
CPU = torch.device("cpu")


class Toy:
    """Regression on a dozen features; dropout and batch norm are in the network, the order of batches is seeded."""

    def __init__(self, seed=0, fault=None):
        self.seed, self.fault = seed, fault
        draw = generator(seed, "toy")
        self.x = torch.tensor(draw.normal(size=(N, 12)), dtype=torch.float32)
        self.y = self.x[:, :3].sum(1, keepdim=True)
        self.asked = 0

    def __len__(self):
        return N // BATCH

    def batches(self, epoch, first):
        rows = order(self.seed, epoch, N)
        for i in range(first, len(self)):
            chosen = rows[i * BATCH : (i + 1) * BATCH]
            yield self.x[chosen], self.y[chosen]

    HIGHER = frozenset()

    def inputs(self, batch):
        return (batch[0],)

    def finish(self, network):
        pass

    def loss(self, network, batch):
        self.asked += 1
        if self.fault is not None:
            self.fault(self.asked)
        return ((network(batch[0]) - batch[1]) ** 2).mean()

    def criteria(self, network):
        return {"mse": ((network(self.x) - self.y) ** 2).mean().item(), "undefined": None}


def network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))


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
        "stopping": Stopping("mse", None, 0.0, 0.0, 1),
    }
    return Recipe(**(settings | changes))


def loop(folder, objective=None, **changes):
    return Loop(network(), objective or Toy(), recipe(**changes), 7, CPU, Workshop(folder, 0.0, {"network": "toy"}))


def all_bytes(finished, folder):
    write_weights(folder / "last.safetensors", finished.network, {})
    parts = [(folder / "last.safetensors").read_bytes()]
    parts += [finished.workshop.best(name, best["epoch"]).read_bytes() for name, best in finished.progress.best.items()]
    assert finished.averaged()
    write_weights(folder / "averaged.safetensors", finished.network, {})
    return [*parts, (folder / "averaged.safetensors").read_bytes(), json.dumps(finished.progress.history).encode()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    finished = loop(folder / "state")
    finished.run()
    return all_bytes(finished, folder)


class Killed(Exception):
    pass


def killed_and_resumed(folder, step, before_resume=lambda resumed: None):
    def kill(asked):
        if asked == step:
            raise Killed

    with pytest.raises(Killed):
        loop(folder / "state", Toy(fault=kill)).run()
    resumed = loop(folder / "state")
    before_resume(resumed)
    resumed.run()
    return all_bytes(resumed, folder)


@pytest.mark.parametrize("step", [1, 2, 6, 7, 9, 17])
def test_a_run_killed_at_any_step_ends_with_the_same_bytes(tmp_path, unbroken, step):
    # 6 steps an epoch: the first step, mid-epoch, an epoch's last and first, mid-epoch again, the last but one
    assert killed_and_resumed(tmp_path, step) == unbroken


def test_control_without_the_dropout_stream_the_resume_differs(tmp_path, unbroken, monkeypatch):
    def forget(_):
        torch.manual_seed(0)  # a new process's stream, from the start
        monkeypatch.setattr("voxdag.training.loop.seed_torch", lambda *names: None)

    assert killed_and_resumed(tmp_path, 9, forget) != unbroken


def test_control_without_the_schedule_step_the_resume_differs(tmp_path, unbroken):
    def forget(resumed):
        schedule = resumed.schedule
        resumed.schedule = lambda step: schedule(max(step - 8, 0))

    assert killed_and_resumed(tmp_path, 9, forget) != unbroken


def test_control_without_the_optimizer_state_the_resume_differs(tmp_path, unbroken):
    def forget(resumed):
        resumed.optimizer.load_state_dict = lambda state: None

    assert killed_and_resumed(tmp_path, 9, forget) != unbroken


def test_kill_nine_in_the_middle_of_an_epoch(tmp_path, unbroken):
    script = textwrap.dedent(f"""
        import importlib.util, os, signal, sys
        from pathlib import Path
        spec = importlib.util.spec_from_file_location("toy", {str(Path(__file__))!r})
        toy = importlib.util.module_from_spec(spec); spec.loader.exec_module(toy)
        def kill(asked):
            if asked == 10:
                os.kill(os.getpid(), signal.SIGKILL)
        toy.loop(Path({str(tmp_path / "state")!r}), toy.Toy(fault=kill)).run()
    """)
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(Path.cwd())}, check=False)
    assert done.returncode == -signal.SIGKILL
    resumed = loop(tmp_path / "state")
    resumed.resume()
    assert resumed.progress.epoch == 1 and resumed.progress.tally.steps == 3  # 9 steps done, 6 of them the first epoch
    resumed.run()
    assert all_bytes(resumed, tmp_path) == unbroken


def test_another_seed_gives_other_bytes(tmp_path, unbroken):
    other = loop(tmp_path / "state", Toy(seed=1))
    other.run()
    assert all_bytes(other, tmp_path) != unbroken


def test_an_undefined_criterion_selects_nothing(tmp_path):
    finished = loop(tmp_path)
    assert finished.run().best.keys() == {"mse"}
    assert "dev_undefined" not in finished.progress.history[0]


def test_best_is_the_first_lowest_of_the_history(tmp_path):
    progress = loop(tmp_path, epochs=6).run()
    values = [row["dev_mse"] for row in progress.history]
    epoch = values.index(min(values)) + 1
    assert progress.best["mse"] == {"value": min(values), "epoch": epoch}
    assert [path.name for path in tmp_path.glob("best_*")] == [f"best_mse-{epoch:04d}.safetensors"]


class NaNFirst(Toy):
    """The loss of the chosen steps is not a number."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def loss(self, network, batch):
        value = super().loss(network, batch)
        return value * math.nan if self.asked in self.steps else value


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path):
    finished = loop(tmp_path, NaNFirst({2, 3, 8}))
    progress = finished.run()
    assert [row["skipped"] for row in progress.history] == [2, 1, 0]
    assert all(parameter.isfinite().all() for parameter in finished.network.parameters())
    assert all(math.isfinite(row["train_loss"]) for row in progress.history)


def test_too_many_in_a_row_are_fatal(tmp_path):
    with pytest.raises(ValueError, match=r"3 steps in a row .*max_nonfinite is 2.* at step 4: loss nan"):
        loop(tmp_path, NaNFirst({2, 3, 4})).run()


def test_patience_stops_and_is_remembered_by_a_resume(tmp_path):
    rules = Stopping("mse", patience=2, min_delta=100.0, train_loss_threshold=0.0, plateau_patience=1)
    progress = loop(tmp_path, epochs=9, stopping=rules).run()
    assert progress.epoch == 3 and "no gain of mse above 100.0 in 2 epochs" in progress.stopped
    assert loop(tmp_path, epochs=9, stopping=rules).run().epoch == 3  # a finished run is not trained further


def test_a_plateau_of_the_training_loss_stops(tmp_path):
    rules = Stopping("mse", patience=None, min_delta=0.0, train_loss_threshold=1e9, plateau_patience=2)
    progress = loop(tmp_path, stopping=rules).run()
    assert progress.epoch == 2 and "training loss below 1000000000.0 for 2 epochs" in progress.stopped


def test_an_unknown_stopping_criterion_is_named(tmp_path):
    with pytest.raises(ValueError, match="stopping.criterion is 'uar', which dev does not define; it has mse"):
        loop(tmp_path, stopping=Stopping("uar", None, 0.0, 0.0, 1)).run()


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"precision": "fp8"}])
def test_an_unknown_choice_is_refused_with_the_valid_ones(change):
    with pytest.raises(ValueError, match="expected one of (adam, adamw|fp32, bf16, fp16)"):
        recipe(**change)


def test_bf16_trains(tmp_path):
    progress = loop(tmp_path, precision="bf16", epochs=6).run()
    assert progress.history[-1]["train_loss"] < progress.history[0]["train_loss"]


def test_a_criterion_of_which_higher_is_better_keeps_the_highest_and_its_first_tie(tmp_path):
    class Scored(Toy):
        HIGHER = frozenset({"skill"})
        values = iter([0.2, 0.6, 0.6, 0.4, 0.5])

        def criteria(self, network):
            return {"skill": next(self.values)}

    finished = loop(tmp_path, Scored(), epochs=5, stopping=Stopping("skill", 3, 0.0, 0.0, 1))
    assert finished.run().best == {"skill": {"value": 0.6, "epoch": 2}}
    assert finished.progress.stopped == "no gain of skill above 0.0 in 3 epochs"
