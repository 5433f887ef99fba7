"""Work on many files or folds at once: a function over items, in other processes, results in the items' order."""

from __future__ import annotations

import fcntl
import itertools
import logging
import multiprocessing
import os
import pickle
import reprlib
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread, current_thread, main_thread
from types import ModuleType
from typing import TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from voxdag.core import command
from voxdag.core.errors import Refused

Item, Result = TypeVar("Item"), TypeVar("Result")

log = logging.getLogger(__name__)

CHUNK = 8  # items a worker takes at once: small enough to keep all busy, large enough to hide the queue
WAITING = 2  # chunks for each worker that are made ahead of who reads the results
MAIN = "__main__"  # the module that is run as a program
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read by libraries when they are loaded


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Wait until no other process makes `target`, and say for which; the lock goes with the process that holds it."""
    with target.with_name(f".{target.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            log.info("waiting for another process (%s), which is at work on %s", lock.read() or "unknown", target)
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    what: str,
    chunk: int = CHUNK,
    threads: int = 1,
    executor: Executor | None = None,
    program: bool = True,
) -> list[Result]:
    """All that `stream` gives."""
    return list(stream(function, items, jobs, what, chunk, threads, executor, program))


def stream(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    what: str | None,
    chunk: int = CHUNK,
    threads: int = 1,
    executor: Executor | None = None,
    program: bool = True,
) -> Iterator[Result]:
    """The function's results in the items' order, whatever the number of jobs; few of them are in memory at a time.

    function   of the top level of a module (or a partial of one): it and the items travel to processes
    jobs       processes (`command.jobs`); one is this process itself
    what       the items are, for the progress bar; None: there is none
    chunk      items that a process takes at once: 1 for work of minutes
    threads    of each process's numerical libraries; they change the order of float sums
    executor   who does the work instead of processes of our own: that of a cluster; it sees to its threads itself
    program    whether processes load the program that runs, as they must where function or items are its own; its
               packages may take seconds

    An error in `function` is raised here, in the place of its item's result, and names the item. It ends the processes
    where they are, as an interrupt or a reader who stops early does: nobody waits for what nobody reads.

    Raises Refused where a process was killed.
    """
    total = len(items) if isinstance(items, Sized) else None
    progress = partial(tqdm, total=total, desc=what, disable=what is None or None)  # None: on a terminal only
    if executor is not None:
        yield from progress(_windowed(function, items, jobs, chunk, executor))
    elif jobs == 1:
        yield from progress(_here(function, items, threads))
    else:
        with _processes(jobs, threads, program) as pool:
            yield from progress(_windowed(function, items, jobs, chunk, pool))


def _here(function: Callable, items: Iterable, threads: int) -> Iterator:
    for item in items:
        with threadpool_limits(threads):
            result = _named(function, item)
        yield result


@contextmanager
def deaf() -> Iterator[None]:
    """Ctrl-C is not heard within, nor ever by processes that are started within: the parent decides for them."""
    if current_thread() is not main_thread():  # where no handler can be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _processes(jobs: int, threads: int, program: bool) -> Iterator[Executor]:
    pool = Processes(jobs, threads, program)
    try:
        yield pool
    except BaseException:
        pool.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        pool.end()


class Processes(ProcessPoolExecutor):
    """An executor of `jobs` processes, each with so many threads of numerical libraries, which start when the first
    work comes, and end with this one, however it ends. For work beside that of this process, over its whole life.

    program: see `stream`.
    """

    def __init__(self, jobs: int, threads: int = 1, program: bool = True):
        context = multiprocessing.get_context("spawn")  # a forked child would inherit the locks of the parent's threads
        lifeline, ours = context.Pipe(duplex=False)
        super().__init__(jobs, context, initializer=_start_worker, initargs=(threads, lifeline))
        self._lifeline, self._program = (lifeline, ours), program

    def submit(self, function: Callable, /, *words: object, **named: object) -> Future:
        """Have a process call the function; it is started now where none is idle."""
        with nullcontext() if self._program else _without_program():
            return super().submit(function, *words, **named)

    def end(self) -> None:
        """End the processes where they are."""
        for connection in reversed(self._lifeline):
            connection.close()


@contextmanager
def _without_program() -> Iterator[None]:
    """Processes that are started within see a program without a name or a file, and so load none."""
    program = sys.modules[MAIN]
    sys.modules[MAIN] = ModuleType(MAIN)
    try:
        yield
    finally:
        sys.modules[MAIN] = program


def result_of(future: Future, name: str) -> object:
    """What a future gives. Raises Refused, with the name of what was worked on, where its process was killed."""
    try:
        return future.result()
    except BrokenExecutor as reason:
        raise Refused(
            f"a process was killed while {name} was worked on, or what follows it. Where memory ran out, "
            "set VOXDAG_JOBS to fewer processes; with 1, a crash shows where it is"
        ) from reason


def _windowed(function: Callable, items: Iterable, jobs: int, chunk: int, executor: Executor) -> Iterator:
    items, waiting = iter(items), deque[tuple[Sequence, Future]]()
    while chunk_items := list(itertools.islice(items, chunk)):
        with deaf():  # the first of these start the processes
            waiting.append((chunk_items, executor.submit(_of_chunk, function, chunk_items)))
        if len(waiting) >= jobs * WAITING:
            yield from _result(*waiting.popleft())
    while waiting:
        yield from _result(*waiting.popleft())


def _result(items: Sequence, future: Future) -> list:
    return result_of(future, _name(items[0]))


def _of_chunk(function: Callable, items: Sequence) -> list:
    try:
        return [_named(function, item) for item in items]
    except Exception as error:
        if _travels(error):
            raise
        raise RuntimeError("".join(traceback.format_exception(error))) from None


def _named(function: Callable, item: object) -> object:
    try:
        return function(item)
    except Refused as error:
        raise type(error)(f"{_name(item)}: {error}") from error
    except Exception as error:
        error.add_note(f"while working on {_name(item)}")
        raise


def _travels(error: Exception) -> bool:
    """Whether an error arrives in another process: one that holds an open file, or is made of two values, does not."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def _name(item: object) -> str:
    name = getattr(item, "name", item)
    return name if isinstance(name, str) else reprlib.repr(name)


def _start_worker(threads: int, lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    os.environ.update(dict.fromkeys(THREADS, str(threads)))  # for libraries that are loaded with the function
    threadpool_limits(threads)  # for those that are loaded already
    command.log_to_stderr()
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this process once the parent has closed its end of the pipe, or was killed: it would wait for ever."""
    lifeline.poll(None)
    os._exit(1)
