"""Work in processes: order, errors with their item, threads, memory, and workers that do not outlive their parent."""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

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
    pool = parallel.Processes(1)
    first, second = pool.submit(os.getpid), pool.submit(root, 3)
    assert second.result() == 9 and first.result() == pool.submit(os.getpid).result() != os.getpid()
    assert parallel.parallel_map(root, range(4), 1, "roots", executor=pool) == [0, 1, 4, 9]
    left = """
import os
from voxdag.core import parallel
pool = parallel.Processes(1)
print(pool.submit(os.getpid).result(), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", left], env=WITH_PATH, capture_output=True, text=True, check=True)
    assert ended([int(done.stdout)]) and done.stderr == ""
    os.kill(first.result(), signal.SIGKILL)
    with pytest.raises(Refused, match="a process was killed while the third was worked on"):
        parallel.result_of(pool.submit(root, 2), "the third")


def test_who_waits_for_another_process_says_for_which(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    hold = f"""
from pathlib import Path
from voxdag.core import parallel
with parallel.alone(Path({str(tmp_path / "corpus")!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", hold], env=WITH_PATH, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        entered = []

        def enter():
            with parallel.alone(tmp_path / "corpus"):
                entered.append(time.monotonic())

        waiting = Thread(target=enter)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and not entered
        holder.stdin.write("\n")
        holder.stdin.flush()
        waiting.join(20)
        assert len(entered) == 1
    assert caplog.messages == [f"waiting for another process ({holder.pid}), which is at work on {tmp_path / 'corpus'}"]
    caplog.clear()
    with parallel.alone(tmp_path / "corpus"):
        assert caplog.messages == []  # nobody is there
    assert (tmp_path / ".corpus.lock").read_text() == str(os.getpid())


def test_a_lock_goes_with_a_process_that_was_killed(tmp_path):
    hold = f"""
import os, signal
from pathlib import Path
from voxdag.core import parallel
with parallel.alone(Path({str(tmp_path / "a")!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", hold], env=WITH_PATH, check=False).returncode == -signal.SIGKILL
    with parallel.alone(tmp_path / "a"):
        pass
