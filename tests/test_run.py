"""The command: its options, what it says, and what it leaves behind however it ends."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from dvc.repo import Repo

from tests.side_by_side import toy
from voxdag import run

ROOT = Path(__file__).parents[1]
PIPELINE = """
stages:
  quick:
    cmd: echo quick > quick.txt
    outs: [quick.txt]
  slow:
    foreach: [a, b]
    do:
      cmd: echo begun; echo $$ > ${item}.pid; test -e go || sleep 60; echo slow > ${item}.txt
      deps: [quick.txt]
      outs: ["${item}.txt"]
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A pipeline whose slow stages end where there is a file `go`."""
    folder = tmp_path_factory.mktemp("run") / "ready"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(PIPELINE)
    with toy.inside(folder):
        Repo.init(no_scm=True)
    return folder


def start(folder, *words):
    """The command, in a folder, as a user starts it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site")}
    command = [sys.executable, "-m", "voxdag.run", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment | {"SHELL": "/bin/sh"}, **pipes)


def finished(process):
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


def running(folder, items="ab"):
    """The processes of the slow stages, once they run."""
    until = time.monotonic() + 120
    paths = [folder / f"{item}.pid" for item in items]
    while not all(path.exists() and path.read_text().strip() for path in paths) and time.monotonic() < until:
        time.sleep(0.05)
    return [psutil.Process(int(path.read_text())) for path in paths]


def end_of(processes):
    psutil.wait_procs(processes, timeout=60)
    return [process.pid for process in processes if process.is_running()]


def locked(folder):
    return list(yaml.safe_load((folder / "dvc.lock").read_text())["stages"])


def goes_on(folder):
    """The next `dvc repro` runs what is left."""
    with (folder / ".dvc/tmp/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (folder / "go").touch()
    assert toy.serially(folder) and sorted(locked(folder)) == ["quick", "slow@a", "slow@b"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_however_it_ends_no_stage_goes_on_and_dvc_does(ready, tmp_path, number, status):
    folder = toy.copy(ready, tmp_path / "toy")
    process = start(folder, "-j", "2")
    slow = running(folder)
    process.send_signal(number)
    code, _, said = finished(process)
    assert code == status and end_of(slow) == [] and locked(folder) == ["quick"]
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert (folder / ".dvc/tmp/rwlock").read_text() == "{}"
    goes_on(folder)


def test_a_stage_that_is_killed_loses_itself_alone(ready, tmp_path):
    folder = toy.copy(ready, tmp_path / "toy")
    process = start(folder, "-j", "2", "--keep-going")
    one, other = running(folder)
    one.kill()
    (folder / "go").touch()
    for child in other.children():
        child.kill()
    code, out, said = finished(process)
    assert code == 1 and locked(folder) == ["quick", "slow@b"]
    (line,) = said.strip().splitlines()
    assert line.startswith("error: slow@a failed: failed to run: echo begun; ") and "exited with 137 (SIGKILL)" in line
    assert "slow@b | begun" in out and "3 stages: 2 ran, 1 failed" in out
    goes_on(folder)


def test_what_is_not_asked_for_is_not_run_and_dry_runs_nothing(ready, tmp_path):
    folder = toy.copy(ready, tmp_path / "toy")
    code, out, said = finished(start(folder, "--dry"))  # where a dependency is not there yet DVC fails
    assert code == 1 and "Running stage 'quick'" in out and not (folder / "quick.txt").exists()
    assert said.startswith("error: failed to reproduce 'slow@a': [Errno 2] No such file or directory: ")
    code, out, _ = finished(start(folder, "quick", "--quiet"))
    assert (code, out) == (0, "") and (folder / "quick.txt").exists() and not (folder / "a.pid").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "error: Stage 'nobody' not found inside 'dvc.yaml' file"),
        (["-j", "0"], "error: -j 0, expected a whole number of 1 or more"),
        (["--devices", "0,,1"], "error: devices are '0,,1', expected names with commas between them, as in 0,1"),
        (["--interactive"], "error: --interactive: several stages cannot ask at once; `dvc repro --interactive` runs"),
    ],
)
def test_what_cannot_be_done_is_one_line(ready, monkeypatch, caplog, words, said):
    monkeypatch.chdir(ready)
    monkeypatch.setattr(sys, "argv", ["run", *words])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="1"):
        run.command.guarded(run.main)
    signal.signal(signal.SIGTERM, before)
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith(said)


def test_outside_of_a_repository_it_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run"])
    with pytest.raises(SystemExit, match="1"):
        run.command.guarded(run.main)
    assert caplog.messages[-1].startswith("error: you are not inside of a DVC repository")


def test_options_of_dvc_are_dvcs():
    ours, of_dvc = run.parse(["-j", "3", "-f", "train@aasist", "plot", "--devices", "0", "--no-run-cache"])
    assert (ours.jobs, ours.devices) == (3, "0")
    assert of_dvc.targets == ["train@aasist", "plot"] and of_dvc.force and of_dvc.no_run_cache and not of_dvc.dry


def test_an_option_of_neither_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        run.parse(["--nonsense"])
    assert "usage: dvc repro" in capsys.readouterr().out
