"""The demo: one task with tiny numbers, in a folder of its own, which it may make again and nobody else's."""

import subprocess
import sys

import pytest

from voxdag import demo, doctor
from voxdag.core import params

TREE = params.read()


def test_the_parameters_are_those_of_one_task_with_the_presets_changes(tmp_path, monkeypatch):
    tree = demo.tiny(TREE)
    assert list(tree["tasks"]) == ["antispoof"] and list(tree["systems"]) == ["aasist"] and tree["baselines"] == {}
    assert tree["systems"]["aasist"]["train"]["epochs"] == 2
    assert tree["systems"]["aasist"]["train"]["lr"] == TREE["systems"]["aasist"]["train"]["lr"]
    demo.make(tmp_path / "demo", tree)
    monkeypatch.chdir(tmp_path / "demo")
    assert [finding.level for finding in doctor.parameters()] == ["ok"]


def test_a_folder_of_its_own_is_made_anew_and_another_left_alone(tmp_path):
    demo.make(tmp_path / "demo", TREE)
    (tmp_path / "demo/old").touch()
    demo.make(tmp_path / "demo", TREE)
    assert not (tmp_path / "demo/old").exists() and (tmp_path / "demo/voxdag/demo.py").is_file()
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="mine is there and no demo made it: name another folder"):
        demo.make(tmp_path / "mine", TREE)


def test_its_folder_is_a_dvc_repository_of_its_own(tmp_path):
    demo.make(tmp_path / "demo", demo.tiny(TREE))
    command = [sys.executable, "-m", "dvc", "stage", "list", "--name-only"]
    listed = subprocess.run(command, cwd=tmp_path / "demo", capture_output=True, text=True)
    stages = {"prepare@antispoof", "train@aasist", "plot@aasist", "compare@antispoof"}
    assert listed.returncode == 0 and stages < set(listed.stdout.split()), listed.stderr


@pytest.mark.parametrize("failing", [0, 1])
def test_a_step_that_fails_ends_it_with_its_status(tmp_path, monkeypatch, failing):
    ran = []
    monkeypatch.setattr(sys, "argv", ["demo", str(tmp_path / "demo")])
    monkeypatch.setattr(demo.subprocess, "call", lambda step, cwd: ran.append(step) or 3 * (len(ran) > failing))
    with pytest.raises(SystemExit, match="3"):
        demo.main()
    assert len(ran) == failing + 1
