"""Where an unfinished run is kept, and how often it is saved."""

import math
from collections import deque
from threading import Thread

import numpy as np
import pytest
import torch
from torch import nn

from voxdag.training.run_state import RunState, run_key, save_seconds


@pytest.mark.parametrize("asked", ["5m", "", "-1", "nan", "inf"])
def test_a_time_that_is_no_number_of_seconds_is_refused(monkeypatch, asked):
    monkeypatch.setenv("VOXDAG_SAVE_SECONDS", asked)
    with pytest.raises(ValueError, match=f"VOXDAG_SAVE_SECONDS is '{asked}', expected a number of seconds from 0 on"):
        RunState.of_run("aasist", "0123", {})


def test_how_often_a_run_is_saved(monkeypatch):
    monkeypatch.delenv("VOXDAG_SAVE_SECONDS", raising=False)
    assert save_seconds() == 300.0
    monkeypatch.setenv("VOXDAG_SAVE_SECONDS", "0.5")
    assert save_seconds() == 0.5


def test_a_run_is_kept_below_the_folder_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("VOXDAG_RESUME", str(tmp_path))
    monkeypatch.delenv("VOXDAG_SAVE_SECONDS", raising=False)
    assert RunState.of_run("aasist", "0123", {}).folder == tmp_path / "aasist" / "0123"


def test_it_is_due_when_the_seconds_have_gone_since_the_last_save(tmp_path):
    state = RunState(tmp_path, 10.0, {})
    begun = state._saved
    assert not state.is_due(begun + 9.9) and state.is_due(begun + 10.0)


def test_there_is_no_state_before_the_first_save_and_none_after_the_end(tmp_path):
    state = RunState(tmp_path / "run", 0.0, {})
    assert state.read() is None
    state.save({"step": 3}, {})
    assert state.read() == {"step": 3}
    state.close()
    assert not state.folder.exists()


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"past": np.zeros(2)}, r"state\['learner'\]\['past'\] is a numpy.ndarray; expected tensors, numbers"),
        ({"best": [1.0, np.float64(2)]}, r"state\['learner'\]\['best'\]\[1\] is a numpy.float64"),
        ({"past": deque([torch.zeros(1)])}, r"state\['learner'\]\['past'\] is a collections.deque"),
        ({np.int64(3): 1}, r"a key of state\['learner'\] is a numpy.int64"),
    ],
)
def test_a_state_that_would_not_be_read_again_is_not_written(tmp_path, held, message):
    state = RunState(tmp_path, 0.0, {})
    with pytest.raises(TypeError, match=message):
        state.save({"learner": held}, {})
    assert state.read() is None


def test_what_a_state_may_hold_is_read_as_it_was(tmp_path):
    state = RunState(tmp_path, 0.0, {})
    held = {"a": [1, 2.5, True, None, "b", (math.inf, {3: torch.tensor([1.0, 2.0])})]}
    state.save(held, {})
    assert repr(state.read()) == repr(held)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_tensors_of_a_state_come_back_on_the_devices_that_they_were_on(tmp_path):
    # Adam keeps its count of steps on the CPU, and load_state_dict leaves it where the state has it
    state = RunState(tmp_path, 0.0, {})
    state.save({"step": torch.tensor(1.0), "moment": torch.tensor(1.0, device="cuda")}, {})
    assert [tensor.device.type for tensor in state.read().values()] == ["cpu", "cuda"]


def test_a_run_is_not_closed_while_another_process_is_in_it(tmp_path):
    ours, theirs = (RunState(tmp_path / "aasist/key", 0.0, {}) for _ in range(2))
    closing = Thread(target=theirs.close)
    with ours.alone():
        ours.save({}, {})
        closing.start()
        closing.join(0.2)
        assert closing.is_alive() and ours.read() == {}
    closing.join(10)
    assert not closing.is_alive() and not ours.folder.exists()


def test_a_save_drops_the_kept_weights_that_it_no_longer_names(tmp_path):
    state = RunState(tmp_path, 0.0, {})
    for epoch in (1, 2):
        state.keep("eer", epoch, nn.Linear(1, 1))
    assert state.best_file("eer", 1).is_file()  # a state on disk may still name it
    state.save({}, {"eer": 2})
    assert [path.name for path in tmp_path.glob("best_*")] == ["best_eer-0002.safetensors"]


def test_the_key_is_of_settings_names_and_contents(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    keys = [run_key({"lr": 1}, [a]), run_key({"lr": 2}, [a]), run_key({"lr": 1}, [b]), run_key({"lr": 1}, [c])]
    assert len(set(keys)) == 4
    assert run_key({"lr": 1}, [b, a]) == run_key({"lr": 1}, [a, b])
