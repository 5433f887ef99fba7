"""Commands under guards: what they print and how they end, whoever ends them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psutil
import pytest

from voxdag.core.errors import Refused
from voxdag.side_by_side import children
from voxdag.side_by_side.children import Children


def run(command, say=lambda line: None, of=None, folder="."):
    return (of or Children()).run(["sh", "-c", command], folder, dict(os.environ), say)


def test_it_runs_where_and_with_what_it_is_told_to_and_says_each_line(tmp_path):
    lines = []
    environment = os.environ | {"COLOUR": "blue"}
    command = ["sh", "-c", "pwd; echo $COLOUR; echo wrong >&2; printf 'half a line'"]
    assert Children().run(command, tmp_path, environment, lines.append) == 0
    assert lines == [str(tmp_path), "blue", "wrong", "half a line"]


def test_what_is_no_utf8_is_said_all_the_same():
    lines = []
    run("printf 'caf\\351\\n'", lines.append)
    assert lines == ["caf\N{REPLACEMENT CHARACTER}"]


def test_it_reads_nothing():
    assert run('test -z "$(cat)"') == 0


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_a_failure_has_the_status_that_shells_give_it(command, status):
    assert run(command) == status


def test_of_a_command_that_fails_nothing_goes_on(tmp_path):
    run("sleep 60 & echo $! > pid; exit 1", folder=tmp_path)
    assert gone(int((tmp_path / "pid").read_text()))


def test_what_a_command_that_succeeds_leaves_in_the_background_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LEFT_OVER", 0.1)
    assert run("sleep 60 & echo $! > pid", folder=tmp_path) == 0
    left = psutil.Process(int((tmp_path / "pid").read_text()))
    assert left.is_running()
    left.kill()


POLITE = "trap 'echo bye > end; exit 0' INT; echo $$ > pid; while :; do sleep .05; done"
DEAF = "trap '' INT TERM; echo $$ > pid; while :; do sleep .05; done"


@pytest.mark.parametrize(("command", "says"), [(POLITE, True), (DEAF, False)])
def test_an_end_is_asked_for_before_it_is_forced(tmp_path, monkeypatch, command, says):
    monkeypatch.setattr(children, "PATIENCE", 0.3)
    several, statuses = Children(), []
    thread = Thread(target=lambda: statuses.append(run(command, of=several, folder=tmp_path)))
    thread.start()
    pid = begun(tmp_path)
    several.end()
    thread.join(60)
    assert statuses == ([0] if says else [137]) and (tmp_path / "end").exists() == says and gone(pid)
    with pytest.raises(Refused, match="interrupted before it began"):
        run("true", of=several)


WATCHED = """
import os, sys
from voxdag.side_by_side.children import Children
Children().run(["sh", "-c", sys.argv[1]], ".", dict(os.environ), print)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_process_that_started_it(tmp_path, number):
    # DEAF hears neither SIGINT nor SIGTERM, and sleeps in a child of its own
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", WATCHED, DEAF], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}
    )
    pid = begun(tmp_path)
    parent.send_signal(number)
    parent.wait(60)
    assert gone(pid)


def test_it_ends_with_its_guard(tmp_path):
    thread = Thread(target=lambda: run(DEAF, folder=tmp_path))
    thread.start()
    pid = begun(tmp_path)
    psutil.Process(pid).parent().kill()
    thread.join(60)
    assert not thread.is_alive() and gone(pid)


def begun(folder):
    """The process of a command that has begun."""
    path, until = folder / "pid", time.monotonic() + 120
    while not (path.exists() and path.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.02)
    return int(path.read_text())


def gone(pid):
    """Whether a process has ended, or does soon."""
    try:
        psutil.Process(pid).wait(60)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True
