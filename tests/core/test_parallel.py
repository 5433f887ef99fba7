"""Work in processes: order, errors with their item, threads, and how much is in memory."""

import logging
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tests.core.cluster.work import square, squares_of_squares, whereabouts
from tests.executors import Cluster
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


class Held(Exception):
    """Cannot be pickled: it holds an open file."""

    def __init__(self, text):
        super().__init__(text)
        self.file = Path(os.devnull).open()  # noqa: SIM115


class OfTwo(Exception):
    """Cannot be unpickled: it is made of two values and remembers one."""

    def __init__(self, text, number):
        super().__init__(f"{text} {number}")


def raise_held(_):
    raise Held("what it said")


def raise_of_two(_):
    raise OfTwo("what it said", 2)


def end_or_wait(seconds):
    if not seconds:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)


def fail_or_wait(seconds):
    if not seconds:
        raise Refused("at once")
    time.sleep(seconds)


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


@pytest.mark.parametrize("function", [raise_held, raise_of_two])
def test_an_error_that_cannot_be_sent_is_sent_as_text(function):
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*(Held: what it said|OfTwo: what it said 2).*working on 5"):
        parallel.parallel_map(function, [5], 2, "items")


def test_a_process_that_is_killed_is_a_refusal_that_says_where():
    # both items travel together, so that the first of them is all that is known
    with pytest.raises(Refused, match="a process was killed while 0.01 was worked on, or what follows it.*VOXDAG_JOBS"):
        parallel.parallel_map(end_or_wait, [0.01, 0], 2, "items")


def test_an_error_does_not_wait_for_the_items_behind_it():
    start = time.monotonic()
    with pytest.raises(Refused, match="0: at once"):
        parallel.parallel_map(fail_or_wait, [0, 60, 60, 60], 2, "items", chunk=1)
    assert time.monotonic() - start < 30
    assert multiprocessing.active_children() == []


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


def loaded_threads(_):
    return {library["num_threads"] for library in threadpool_info()}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor has one thread anyway")
def test_one_process_that_is_this_one_has_as_many_threads_as_asked_while_it_works():
    with threadpool_limits(2):
        assert parallel.parallel_map(loaded_threads, [0], 1, "items", threads=1) == [{1}]
        assert loaded_threads(None) == {2}


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


@pytest.fixture
def cluster(monkeypatch):
    """A stand-in for a cluster of two workers, which VOXDAG_SCHEDULER names: processes, and nothing of Dask's."""
    found = Cluster()
    monkeypatch.setenv(parallel.SCHEDULER, "tcp://there:8786")
    monkeypatch.setattr(parallel, "_cluster", lambda: found)
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_work_goes_to_the_cluster_that_the_environment_names_whatever_the_jobs(cluster, jobs):
    assert parallel.parallel_map(partial(square, by=3), range(10), jobs, "cubes", 3) == [n**3 for n in range(10)]
    assert parallel.parallel_map(whereabouts, [0], jobs, "items", threads=2)[0][4] == {2}
    assert cluster.asked == [("tcp://there:8786", 1), ("tcp://there:8786", 2)]


def test_errors_arrive_from_a_cluster_as_from_processes(cluster):
    with pytest.raises(NotHere, match="^13: no square of 13$"):
        parallel.parallel_map(square, [4, 13], 2, "squares")
    with pytest.raises(ZeroDivisionError, match="seventeen") as caught:
        parallel.parallel_map(square, [4, 17], 2, "squares")
    assert "while working on 17" in caught.value.__notes__
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*OfTwo: what it said 2.*working on 5"):
        parallel.parallel_map(raise_of_two, [5], 2, "items")


def test_what_has_an_executor_of_its_own_or_stays_here_does_not_go_to_the_cluster(cluster):
    with ThreadPoolExecutor(1) as executor:
        assert parallel.parallel_map(root, [3], 1, "roots", executor=executor) == [9]
    assert parallel.parallel_map(root, [3], 1, "roots", local=True) == [9]
    assert cluster.asked == []


def test_a_map_within_a_map_stays_on_its_worker(cluster):
    # all workers might wait for one another; 0 + 1 + 4 of three numbers
    assert parallel.parallel_map(squares_of_squares, [3, 3], 1, "sums", chunk=1) == [5, 5]
    assert len(cluster.asked) == 1


def test_a_cluster_that_grows_has_more_work_ahead(cluster):
    taken = []
    results = parallel.stream(square, (taken.append(n) or n for n in range(100) if n not in (13, 17)), 1, "items", 1)
    next(results)
    assert len(taken) == 4  # 2 workers, WAITING = 2
    cluster.now.slots = 5
    next(results)
    assert len(taken) == 1 + 10
    results.close()


def test_work_that_a_cluster_lost_is_a_refusal_that_says_where():
    future = Future()
    future.set_exception(parallel.Lost("no worker has been there"))
    with pytest.raises(Refused, match="^u7, or what follows it, was not done: no worker has been there$"):
        parallel.result_of(future, "u7")


def test_a_cluster_whose_packages_are_absent_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "voxdag.core.cluster.dask", raising=False)
    monkeypatch.setenv(parallel.SCHEDULER, "tcp://there:8786")
    with pytest.raises(Refused, match=r"^VOXDAG_SCHEDULER is set, and the packages that it needs .*: make cluster$"):
        parallel.parallel_map(root, [3], 1, "roots")
