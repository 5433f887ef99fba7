"""Which share of the machine a stage gets."""

import pytest

from voxdag.core.errors import Refused
from voxdag.side_by_side import slots
from voxdag.side_by_side.slots import Needs, Slots, needs


@pytest.mark.parametrize(
    ("settings", "threads", "gpu"),
    [
        ({}, 1, False),
        ({"tasks.antispoof.prepare": {"num_threads": 9}}, 1, False),
        ({"num_threads": 2, "device": "auto"}, 2, True),
        ({"num_threads": 2, "device": "cuda"}, 2, True),
        ({"num_threads": 2, "device": "cpu"}, 2, False),
        ({"num_threads": 2, "systems.aasist.num_threads": None}, 2, False),
        ({"num_threads": 2, "systems.erm.num_threads": 1}, 1, False),
        ({"num_threads": 1, "systems.bsrnn.num_threads": 4}, 4, False),
    ],
)
def test_a_stage_needs_what_its_settings_say(settings, threads, gpu):
    assert needs(settings) == Needs(threads, gpu)


def test_processors_are_shared_out_and_given_back():
    four = Slots(4)
    first, second = four.take(Needs(3), 2), four.take(Needs(1), 2)
    assert (first.processors, second.processors) == (3, 1)
    assert four.take(Needs(1), 3) is None
    four.give_back(first)
    assert four.take(Needs(2), 2).processors == 2 and four.take(Needs(2), 3) is None


def test_a_stage_that_wants_more_than_there_is_takes_all():
    two = Slots(2)
    assert two.take(Needs(8), 1).processors == 2 and two.take(Needs(1), 2) is None


@pytest.mark.parametrize(
    ("processors", "threads", "at_once", "jobs"),
    [(8, 1, 1, 8), (8, 1, 3, 2), (8, 4, 3, 4), (2, 1, 1, 2), (2, 1, 2, 1), (2, 1, 30, 1), (2, 2, 5, 2)],
)
def test_processes_are_divided_among_those_that_run_or_could(processors, threads, at_once, jobs):
    share = Slots(processors).take(Needs(threads), at_once)
    assert share.jobs == jobs and share.environment == {"VOXDAG_JOBS": str(jobs)}


def test_each_stage_that_may_use_a_gpu_has_one_of_its_own():
    machine = Slots(8, ["0", "GPU-5f"])
    first, second = machine.take(Needs(1, gpu=True), 2), machine.take(Needs(1, gpu=True), 2)
    assert first.environment["CUDA_VISIBLE_DEVICES"] == "0" and second.device == "GPU-5f"
    assert machine.take(Needs(1, gpu=True), 3) is None
    assert "CUDA_VISIBLE_DEVICES" not in machine.take(Needs(1), 3).environment
    machine.give_back(second)
    assert machine.take(Needs(1, gpu=True), 3).device == "GPU-5f"


def test_a_gpu_that_stands_twice_serves_two_stages():
    machine = Slots(8, ["0", "0"])
    assert [machine.take(Needs(1, gpu=True), 2).device for _ in range(2)] == ["0", "0"]
    assert machine.take(Needs(1, gpu=True), 2) is None


def test_without_gpus_a_stage_that_may_use_one_waits_for_none():
    assert Slots(2).take(Needs(1, gpu=True), 1).environment == {"VOXDAG_JOBS": "2"}


@pytest.mark.parametrize("processors", [0, -1])
def test_no_processors_are_refused(processors):
    with pytest.raises(Refused, match=f"-j {processors}, expected a whole number of 1 or more"):
        Slots(processors)


@pytest.mark.parametrize(
    ("asked", "visible", "names"),
    [
        ("0,1", None, ["0", "1"]),
        ("2", "0,1", ["2"]),
        (None, "0, 3", ["0", "3"]),
        (None, "", []),
        ("", "0", []),
        (None, None, ["0", "1"]),
    ],
)
def test_gpus_are_those_asked_for_or_visible_or_there(monkeypatch, tmp_path, asked, visible, names):
    driver(tmp_path, "echo 'GPU 0: H100 (UUID: GPU-1)'; echo 'GPU 1: H100 (UUID: GPU-2)'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert slots.devices(asked) == names


def test_a_driver_that_finds_no_gpu_is_none(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slots.devices(None) == []
    driver(tmp_path, "echo 'No devices were found'; exit 6")
    assert slots.devices(None) == []


def driver(folder, does):
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{does}\n")
    (folder / "nvidia-smi").chmod(0o755)


def test_a_name_left_out_is_refused():
    with pytest.raises(Refused, match="devices are '0,,1', expected names with commas between them"):
        slots.devices("0,,1")
