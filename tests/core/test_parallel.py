"""Work in processes: order, errors with their item, threads, memory, and workers that do not outlive their parent."""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from voxdag.core import parallel
from voxdag.core.errors import NotHere, Refused
from voxdag.data.members import Member

WITH_PATH = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (str(Path.cwd()), *sys.path) if path)}


def root(number, by=2):
    if number == 13:
        raise NotHere(f"no root of {number}")
    if number == 17:
        raise ZeroDivisionError("seventeen")
    return number**by


def refuse(_):
    raise Refused("not this one")


def surroundings(_):
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    libraries = {library["num_threads"] for library in threadpool_info()}
    return os.getpid(), libraries, os.environ["OMP_NUM_THREADS"], logging.getLogger().level


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_in_the_items_order_whatever_the_jobs(jobs):
    assert parallel.parallel_map(partial(root, by=3), range(10), jobs, "roots", chunk=3) == [n**3 for n in range(10)]
    assert parallel.parallel_map(root, [], jobs, "roots") == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_of_its_own_kind_and_names_the_item(jobs):
    with pytest.raises(NotHere, match="13: no root of 13"):
        parallel.parallel_map(root, [4, 13], jobs, "roots")
    with pytest.raises(ZeroDivisionError, match="seventeen") as caught:
        parallel.parallel_map(root, [4, 17], jobs, "roots")
    assert "while working on 17" in caught.value.__notes__


def test_an_item_that_has_a_name_is_called_by_it():
    with pytest.raises(Refused, match="^fold-3_seed-1: not this one$"):
        parallel.parallel_map(refuse, [Member("3", 1)], 1, "members")


def test_results_before_the_error_are_given():
    results = parallel.stream(root, [2, 13], 1, "roots")
    assert next(results) == 4
    with pytest.raises(NotHere):
        next(results)


@pytest.mark.parametrize("threads", [1, 2])
def test_workers_are_processes_of_their_own_with_as_many_threads_as_asked_and_log(threads):
    found = parallel.parallel_map(surroundings, range(2), 2, "workers", chunk=1, threads=threads)
    for process, libraries, variable, level in found:
        assert process != os.getpid()
        assert libraries == {threads} and variable == str(threads)
        assert level == logging.INFO


def test_few_items_are_taken_ahead_of_who_reads_the_results():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as executor:  # any executor does the work
        results = parallel.stream(root, (n for n in items() if n not in (13, 17)), 2, "roots", 3, executor=executor)
        assert next(results) == 0
        # 2 jobs, WAITING = 2 chunks of 3 each: 4 chunks have been submitted when the first result is given
        assert len(taken) == 12
        assert list(results)[-1] == 99**2


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
    environment = {name: value for name, value in WITH_PATH.items() if name not in parallel.THREADS}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[[1], [1]]"


SCRIPT = """
import os, sys, time
from voxdag.core.parallel import parallel_map

def wait(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(60)

if __name__ == "__main__":
    parallel_map(wait, [sys.argv[1]], 2, "waits", chunk=1)
"""


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc who is alive")
def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "seen").mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "seen")],
        env=WITH_PATH,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (started := list((tmp_path / "seen").iterdir())):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.05)
    worker = int(started[0].name)
    assert alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)


def test_no_process_is_left_behind():
    parallel.parallel_map(root, range(4), 2, "roots")
    results = parallel.stream(root, range(100), 2, "roots", chunk=1)
    next(results)
    results.close()
    assert multiprocessing.active_children() == []
