"""Processes of our own: what they load, their threads, and that they do not outlive their parent."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from voxdag.core import parallel
from voxdag.core.errors import Refused
from voxdag.core.processes import THREADS, Processes

WITH_PATH = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (str(Path.cwd()), *sys.path) if path)}


def root(number):
    return number**2


LOADED = """
import numpy  # by the main module: a worker has its libraries before it is told how many threads to use
from threadpoolctl import threadpool_info
from voxdag.core.parallel import parallel_map

def threads(_):
    return sorted({library["num_threads"] for library in threadpool_info()})

if __name__ == "__main__":
    print(parallel_map(threads, range(2), 2, "workers", chunk=1))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor has one thread anyway")
def test_libraries_that_the_main_module_loads_are_limited_too(tmp_path):
    (tmp_path / "script.py").write_text(LOADED)
    environment = {name: value for name, value in WITH_PATH.items() if name not in THREADS}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[[1], [1]]"


PROGRAM = """
import math, os, sys
from functools import partial
from voxdag.core.parallel import parallel_map

os.write(1, b"loaded\\n")  # whole, whoever writes beside

def own(number, power):
    return number ** power

if __name__ == "__main__":
    if sys.argv[1] == "own":
        print(parallel_map(partial(own, power=2), [2, 2], 2, "powers", chunk=1))
    else:
        print(parallel_map(partial(math.pow, 3.0), [2, 2], 2, "powers", chunk=1, program=False))
    assert sys.modules["__main__"].own is own
"""


@pytest.mark.parametrize(("whose", "by_processes", "said"), [("others", False, "[9.0, 9.0]"), ("own", True, "[4, 4]")])
def test_processes_load_the_program_unless_they_are_told_that_nothing_is_its_own(tmp_path, whose, by_processes, said):
    (tmp_path / "script.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "script.py"), whose]
    done = subprocess.run(command, env=WITH_PATH, capture_output=True, text=True, check=True)
    *loaded, result = done.stdout.splitlines()
    assert result == said and set(loaded) == {"loaded"} and (len(loaded) > 1) == by_processes


SCRIPT = """
import os, sys, time
from voxdag.core.command import guarded
from voxdag.core.parallel import parallel_map

def wait(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("a worker was interrupted, not ended", file=sys.stderr, flush=True)

if __name__ == "__main__":
    guarded(lambda: parallel_map(wait, [sys.argv[1]] * 4, 2, "waits", chunk=1))
"""


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def waiting(tmp_path):
    """A process in a group of its own, and the two of its workers, which wait for longer than a test takes."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "seen").mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "seen")],
        env=WITH_PATH,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(started := list((tmp_path / "seen").iterdir())) < 2:
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.05)
    workers = [int(path.name) for path in started]
    assert all(map(alive, workers))
    yield parent, workers
    with suppress(ProcessLookupError):
        os.killpg(parent.pid, signal.SIGKILL)
    parent.communicate()


def ended(workers, seconds=30):
    deadline = time.monotonic() + seconds
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, workers))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc who is alive")
def test_workers_end_when_their_parent_is_killed(waiting):
    parent, workers = waiting
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ended(workers)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc who is alive")
def test_an_interrupt_from_the_terminal_ends_all_at_once_and_in_one_line(waiting):
    parent, workers = waiting
    for worker in workers:  # who leave it to their parent
        os.kill(worker, signal.SIGINT)
    time.sleep(0.5)
    assert all(map(alive, workers))
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(timeout=30) == 130
    assert ended(workers)
    assert parent.stderr.read() == b"interrupted; start the same command again\n"


def test_no_process_is_left_behind():
    parallel.parallel_map(root, range(4), 2, "roots")
    results = parallel.stream(root, range(100), 2, "roots", chunk=1)
    next(results)
    results.close()
    assert multiprocessing.active_children() == []


def test_processes_that_work_beside_are_started_once_and_end_with_their_owner():
    pool = Processes(1)
    first, second = pool.submit(os.getpid), pool.submit(root, 3)
    assert second.result() == 9 and first.result() == pool.submit(os.getpid).result() != os.getpid()
    assert parallel.parallel_map(root, range(4), 1, "roots", executor=pool) == [0, 1, 4, 9]
    left = """
import os
from voxdag.core.processes import Processes
pool = Processes(1)
print(pool.submit(os.getpid).result(), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", left], env=WITH_PATH, capture_output=True, text=True, check=True)
    assert ended([int(done.stdout)]) and done.stderr == ""
    os.kill(first.result(), signal.SIGKILL)
    with pytest.raises(Refused, match="a process was killed while the third was worked on"):
        parallel.result_of(pool.submit(root, 2), "the third")
