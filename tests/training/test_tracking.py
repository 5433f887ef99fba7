"""Trackers follow a run: what each is told, once, after a kill too; none changes a byte of what training gives."""

import json
import math
import random
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.training.toys import (
    EPOCHS,
    Drawing,
    KillAt,
    Killed,
    Regression,
    all_bytes,
    as_in_another_process,
    loop,
    nan_at,
)
from voxdag.core.errors import Refused
from voxdag.training import tracking
from voxdag.training.tracking import PACKAGES, SECONDS, VARIABLE, Trackers

EVENTS = 18 + EPOCHS  # of a run: its steps, and its epochs


class Recording:
    """A tracker that remembers all it was told, by anyone; draws from every global generator as it does."""

    def __init__(self):
        self.started, self.told, self.closed, self.flushes = [], [], [], 0

    def start(self, training):
        self.started.append(training)
        self._draw()
        return self

    def tell(self, number, axis, place, values):
        self.told.append((number, axis, place, dict(values)))
        self._draw()

    def flush(self):
        self.flushes += 1

    def close(self, succeeded):
        self.closed.append(succeeded)
        self._draw()

    @staticmethod
    def _draw():
        random.random(), np.random.random(), torch.rand(3)  # noqa: NPY002


@pytest.fixture
def recording(monkeypatch, tmp_path):
    """One for each name; the repository is an empty folder."""
    made = {name: Recording() for name in PACKAGES}
    monkeypatch.setattr(tracking, "_module", lambda name: made[name])
    monkeypatch.setattr(tracking, "workspace", lambda: tmp_path / "repository")
    return made


def trackers(folder, *names):
    return Trackers(folder / "state", "toy", "seed-1", {"seed": 1}, names)


def finished(folder, make_learner, *names, **changes):
    run = loop(folder / "state", make_learner, trackers=trackers(folder, *names), **changes)
    run.run()
    return run


@pytest.mark.parametrize("learner", [Regression, Drawing])
def test_a_tracker_that_draws_from_every_generator_changes_no_byte(tmp_path, recording, learner):
    as_in_another_process(1)
    without = all_bytes(finished(tmp_path / "without", learner), tmp_path)
    as_in_another_process(2)
    assert all_bytes(finished(tmp_path / "with", learner, "wandb", "mlflow"), tmp_path) == without
    assert len(recording["wandb"].told) == EVENTS


def test_each_is_told_what_is_in_the_file_in_its_order(tmp_path, recording):
    run = finished(tmp_path, Regression, "wandb", "tensorboard")
    in_file = [(event.axis, event.place, event.values) for event in run.events.read()]
    for name in ("wandb", "tensorboard"):
        assert recording[name].told == [(number, *event) for number, event in enumerate(in_file, 1)]
        assert recording[name].closed == [True] and recording[name].flushes > 0
    assert recording["mlflow"].started == []


def test_a_tracker_is_told_of_whom_and_where(tmp_path, recording):
    finished(tmp_path, Regression, "wandb")
    (training,) = recording["wandb"].started
    assert (training.group, training.name, training.settings) == ("toy", "seed-1", {"seed": 1})
    assert training.folder == tmp_path / "repository/data/runs/trackers" and training.folder.is_absolute()
    assert training.title == f"toy/seed-1-{training.run}" and len(training.run) == 8 and not training.resumed


def killed(folder, call, *names, due=False, **changes):
    run = loop(
        folder / "state", lambda made: Regression(made, KillAt(call)), trackers=trackers(folder, *names), **changes
    )
    if due:
        run.events.is_due = lambda now: True
    with pytest.raises(Killed):
        run.run()


@pytest.mark.parametrize("call", [1, 4, 7, 11, 18])
@pytest.mark.parametrize("ahead", [False, True], ids=["saved at every step", "told ahead of the state"])
def test_a_run_that_goes_on_has_the_same_id_and_tells_nothing_twice(tmp_path, recording, call, ahead):
    killed(tmp_path, call, "wandb", due=ahead, save_seconds=math.inf if ahead else 0.0)
    known = len(recording["wandb"].told)
    assert known == call - 1 + (call - 1) // 6  # all of it, whatever the state has
    run = finished(tmp_path, Regression, "wandb")
    assert [number for number, *_ in recording["wandb"].told] == list(range(1, EVENTS + 1))
    assert [event[1:] for event in recording["wandb"].told] == [
        (event.axis, event.place, event.values) for event in run.events.read()
    ]
    first, second = recording["wandb"].started
    assert first.run == second.run and (first.resumed, second.resumed) == (False, True)
    assert recording["wandb"].closed == [False, True]


def test_what_was_not_told_before_a_kill_is_told_after_it(tmp_path, recording):
    # a kill between the last epoch's state and the telling: training has ended, and one tracker lacks an event
    finished(tmp_path, Regression, "wandb", "mlflow")
    path = tmp_path / "state" / tracking.RECORD
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"told": {"wandb": EVENTS - 2, "mlflow": EVENTS}}))
    again = len(recording["mlflow"].told)
    finished(tmp_path, Regression, "wandb", "mlflow")
    assert [number for number, *_ in recording["wandb"].told[EVENTS:]] == [EVENTS - 1, EVENTS]
    assert len(recording["mlflow"].told) == again == EVENTS


def test_a_run_that_has_ended_starts_no_tracker_again(tmp_path, recording):
    finished(tmp_path, Regression, "wandb")
    finished(tmp_path, Regression, "wandb")
    assert len(recording["wandb"].started) == 1


def test_a_tracker_that_is_asked_for_after_a_kill_is_told_all_of_it(tmp_path, recording):
    killed(tmp_path, 11, "wandb")
    finished(tmp_path, Regression, "tensorboard")
    assert [number for number, *_ in recording["tensorboard"].told] == list(range(1, EVENTS + 1))
    assert not recording["tensorboard"].started[0].resumed


def test_another_training_has_another_id(tmp_path, recording):
    for folder in ("a", "b"):
        finished(tmp_path / folder, Regression, "wandb")
    assert len({training.run for training in recording["wandb"].started}) == 2


def test_what_is_undefined_is_not_told(tmp_path, recording):
    class Undefined(Regression):
        factor = staticmethod(nan_at({3}))

        def loss(self, batch):
            return super().loss(batch) * self.factor()

    finished(tmp_path, Undefined, "wandb", epochs=1)
    assert recording["wandb"].told[2][3].keys() == {"train/lr", "train/skipped"}


class Failing(Recording):
    def tell(self, number, axis, place, values):
        super().tell(number, axis, place, values)
        if number == 9:
            raise ConnectionError("no route to host")


def test_a_tracker_that_fails_hears_no_more_and_training_goes_on_with_the_others(tmp_path, recording, caplog):
    recording["wandb"] = Failing()
    run = finished(tmp_path, Regression, "wandb", "mlflow")
    assert run.progress.epoch == EPOCHS and len(recording["mlflow"].told) == EVENTS
    assert len(recording["wandb"].told) == 9 and recording["wandb"].closed == []
    (said,) = [line for line in caplog.messages if line.startswith("tracker")]
    assert "tracker wandb failed" in said and "ConnectionError: no route to host" in said
    assert json.loads((tmp_path / "state" / tracking.RECORD).read_text())["told"] == {"wandb": 8, "mlflow": EVENTS}


def test_a_tracker_that_cannot_start_is_refused_and_the_others_are_closed(tmp_path, recording):
    def start(training):
        raise RuntimeError("api_key not configured")

    recording["wandb"] = SimpleNamespace(start=start)
    with pytest.raises(Refused, match="VOXDAG_TRACKERS names wandb, which does not start: RuntimeError: api_key not c"):
        finished(tmp_path, Regression, "mlflow", "wandb")
    assert recording["mlflow"].closed == [False]


def test_trackers_are_told_between_saves_every_few_seconds(tmp_path, recording):
    followed, nobody = trackers(tmp_path, "wandb"), Trackers.none()
    now = time.monotonic()
    assert not followed.is_due(now + 2 * SECONDS)  # not started
    followed.start()
    assert not followed.is_due(now) and followed.is_due(now + 2 * SECONDS)
    assert not nobody.is_due(now + 2 * SECONDS)


def test_without_trackers_nothing_is_written_of_them(tmp_path):
    finished(tmp_path, Regression)
    assert not (tmp_path / "state" / tracking.RECORD).exists()


@pytest.mark.parametrize("asked", [None, "", " , "])
def test_by_default_there_is_none(monkeypatch, asked):
    monkeypatch.delenv(VARIABLE, raising=False)
    if asked is not None:
        monkeypatch.setenv(VARIABLE, asked)
    assert tracking.chosen() == []


def test_an_unknown_one_is_refused_with_those_there_are(monkeypatch):
    monkeypatch.setenv(VARIABLE, "comet")
    with pytest.raises(
        Refused, match="VOXDAG_TRACKERS names 'comet', expected some of dvclive, mlflow, tensorboard, w"
    ):
        tracking.chosen()


@pytest.mark.parametrize("name", PACKAGES)
def test_one_whose_package_is_absent_is_refused_with_what_to_install(monkeypatch, name):
    monkeypatch.setenv(VARIABLE, f" {name} ")
    for module in (name, f"voxdag.training.trackers.{name}", "torch.utils.tensorboard"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, name, None)  # as where it is not installed
    with pytest.raises(Refused, match=rf"VOXDAG_TRACKERS names {name}, .*\(.*\): pip install {PACKAGES[name]}$"):
        tracking.chosen()


def test_those_that_are_asked_for_are_each_there_once(monkeypatch, recording):
    monkeypatch.setenv(VARIABLE, "wandb, mlflow,wandb")
    assert tracking.chosen() == ["wandb", "mlflow"]
