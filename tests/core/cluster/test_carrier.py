"""Processes beside a worker: what they are started with, what ends them, and what comes of it."""

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from tests.core.cluster.work import end_itself, square, wait, whereabouts
from voxdag.core.cluster import child, session
from voxdag.core.cluster.carrier import Children, Ended
from voxdag.core.errors import NotHere, Refused

asks_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc who is alive")


@pytest.fixture
def ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_WEIGHTS", "elsewhere")
    with session.opened(square, 1) as found:
        yield found


@pytest.fixture
def children(ours):
    found = Children()
    yield found
    found.end(ours.name)


def answer(children, ours, function, *words):
    return pickle.loads(children.work(ours, pickle.dumps((function, words))))


def test_a_process_works_in_the_drivers_folder_with_its_variables_and_threads_and_is_kept(children, ours, monkeypatch):
    monkeypatch.setenv("VOXDAG_JOBS", "7")  # of who started the worker
    (process, parent, folder, variables, libraries), *_ = answer(children, ours, whereabouts, 0)
    assert process != os.getpid() == parent and folder == ours.folder and libraries == {1}
    assert variables["VOXDAG_WEIGHTS"] == "elsewhere" and "VOXDAG_JOBS" not in variables
    assert variables["OMP_NUM_THREADS"] == "1"
    assert answer(children, ours, whereabouts, 0)[0][0] == process


def test_errors_are_answers_of_their_own_kind_with_their_traceback(children, ours):
    _, error, trace = answer(children, ours, square, 13)
    assert type(error) is NotHere and str(error) == "no square of 13"
    _, error, trace = answer(children, ours, square, 17)
    assert type(error) is ZeroDivisionError and "in square" in trace
    assert answer(children, ours, square, 4)[:2] == (16, None)


def test_the_drivers_program_is_imported_by_its_name(tmp_path):
    # a driver that runs as tests.core.cluster.work pickles its own functions as those of __main__
    payload = pickle.dumps((square, (3,)), protocol=0).replace(b"ctests.core.cluster.work\n", b"c__main__\n")
    assert b"__main__" in payload
    with session.opened(square, 1) as ours:
        answered = child.answer(payload, replace(ours, program="tests.core.cluster.work"))
    assert pickle.loads(answered) == (9, None, "")


def test_a_process_that_is_killed_is_said_and_another_is_started(children, ours):
    with pytest.raises(Ended, match=r"a process on .* ended with status -9"):
        answer(children, ours, end_itself, 0)
    assert answer(children, ours, square, 3)[0] == 9


def test_one_that_has_ended_while_idle_is_not_asked(children, ours):
    process = answer(children, ours, whereabouts, 0)[0][0]
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert answer(children, ours, whereabouts, 0)[0][0] != process


@asks_proc
def test_the_end_of_a_session_ends_who_works_for_it_and_lets_nobody_start(children, ours, tmp_path):
    said = []

    def work():
        with pytest.raises(Ended) as caught:
            answer(children, ours, wait, 60, tmp_path)
        said.append(str(caught.value))

    waiting = Thread(target=work)
    waiting.start()
    deadline = time.monotonic() + 30
    while not (at_work := [path for path in tmp_path.iterdir() if path.name.isdecimal()]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children.end(ours.name)
    waiting.join(20)
    assert "status -9" in said[0] and not Path("/proc", at_work[0].name).exists()
    with pytest.raises(Ended, match="its driver has ended"):
        answer(children, ours, square, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folder": "/nowhere/at/all"}, "worker on .*No such file or directory: '/nowhere/at/all'"),
        ({"root": "/nowhere"}, "worker on .*voxdag does not start from /nowhere"),
        ({"folders": {".": ("absent",)}}, "worker on .* lacks absent: expected the driver's folder"),
        ({"surroundings": {"Python": "3.9"}}, "worker on .*: it has loaded another voxdag/core/cluster/carrier.py"),
    ],
)
def test_a_worker_that_is_not_as_the_driver_is_refused(children, ours, change, said, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(Refused, match=said):
        answer(children, replace(ours, **change), square, 3)


def test_a_worker_of_another_commit_is_refused(children, ours):
    other = {**ours.surroundings, "voxdag/audio/decode.py": "0" * 12}
    with pytest.raises(Refused, match=r"voxdag/audio/decode.py is [0-9a-f]{12}, at the driver 0{12}"):
        children.meet(replace(ours, surroundings=other))


@asks_proc
def test_processes_end_with_the_worker(ours, tmp_path):
    script = f"""
import os, pickle, signal
from voxdag.core.cluster.carrier import Children
from tests.core.cluster.work import whereabouts
ours = pickle.loads({pickle.dumps(ours)!r})
print(pickle.loads(Children().work(ours, pickle.dumps((whereabouts, (0,)))))[0][0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.environ | {"PYTHONPATH": os.pathsep.join([ours.root, *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", script], env=path, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    deadline, place = time.monotonic() + 20, Path("/proc", done.stdout.strip())
    while place.exists() and place.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_for_which_nothing_comes_ends(ours):
    script = f"""
import pickle
from multiprocessing import Pipe
from voxdag.core.cluster import child
child.IDLE = 0.05
here, there = Pipe()
here.send_bytes({pickle.dumps(ours)!r})
child.serve(there)
print("ended", here.recv_bytes())
"""
    path = os.environ | {"PYTHONPATH": os.pathsep.join([ours.root, *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-c", script], env=path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "ended b''\n"
