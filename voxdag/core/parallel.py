"""Work on many files or folds at once: a function over items, in other processes, results in the items' order.

These are processes of this machine, or of the Dask cluster whose scheduler VOXDAG_SCHEDULER names (docs/CLUSTER.md). A
cluster changes no result, so its code and packages stay out of what a stage depends on, as those of trackers do.
"""

from __future__ import annotations

import itertools
import os
import pickle
import reprlib
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.processes import Processes, deaf

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 8  # items a worker takes at once: small enough to keep all busy, large enough to hide the queue
WAITING = 2  # chunks for each worker that are made ahead of who reads the results
SCHEDULER = "VOXDAG_SCHEDULER"  # its address, as tcp://host:port


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    what: str,
    chunk: int = CHUNK,
    threads: int = 1,
    executor: Executor | None = None,
    program: bool = True,
    local: bool = False,
) -> list[Result]:
    """All that `stream` gives."""
    return list(stream(function, items, jobs, what, chunk, threads, executor, program, local))


def stream(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    what: str,
    chunk: int = CHUNK,
    threads: int = 1,
    executor: Executor | None = None,
    program: bool = True,
    local: bool = False,
) -> Iterator[Result]:
    """The function's results in the items' order, whatever the number of jobs; few of them are in memory at a time.

    function   of the top level of a module (or a partial of one): it and the items travel to processes
    jobs       processes (`command.jobs`); one is this process itself
    what       the items are, for the progress bar
    chunk      items that a process takes at once: 1 for work of minutes
    threads    of each process's numerical libraries; they change the order of float sums
    executor   who does the work instead of processes of our own or a cluster; it sees to its threads itself
    program    whether processes load the program that runs, as they must where function or items are its own; its
               packages may take seconds
    local      whether the work stays on this machine, whatever cluster there is

    An error in `function` is raised here, in the place of its item's result, and names the item. It ends the processes
    where they are, as an interrupt or a reader who stops early does: nobody waits for what nobody reads.

    Raises Refused where a process was killed, and where a cluster cannot do the work, or not to the same result.
    """
    total = len(items) if isinstance(items, Sized) else None
    progress = partial(tqdm, total=total, desc=what, disable=None)  # None: on a terminal only
    if executor is not None:
        yield from progress(_windowed(function, items, lambda: jobs, chunk, executor))
    elif not local and (address := os.environ.get(SCHEDULER)):
        with _cluster().workers(address, function, threads) as workers:
            yield from progress(_windowed(function, items, lambda: max(jobs, workers.slots), chunk, workers))
    elif jobs == 1:
        yield from progress(_here(function, items, threads))
    else:
        with _processes(jobs, threads, program) as pool:
            yield from progress(_windowed(function, items, lambda: jobs, chunk, pool))


def _cluster() -> ModuleType:
    try:
        return load_module("voxdag.core.cluster.{scheduler}", scheduler="dask")
    except ImportError as reason:
        raise Refused(
            f"{SCHEDULER} is set, and the packages that it needs cannot be imported ({reason}): make cluster"
        ) from reason


def _here(function: Callable, items: Iterable, threads: int) -> Iterator:
    for item in items:
        with threadpool_limits(threads):
            result = _named(function, item)
        yield result


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


class Lost(BrokenExecutor):
    """Work that no cluster does any more; the message says why, and what to do."""


def result_of(future: Future, name: str) -> Any:
    """What a future gives. Raises Refused, with the name of what was worked on, where its process was killed."""
    try:
        return future.result()
    except Lost as reason:
        raise Refused(f"{name}, or what follows it, was not done: {reason}") from reason
    except BrokenExecutor as reason:
        raise Refused(
            f"a process was killed while {name} was worked on, or what follows it. Where memory ran out, "
            "set VOXDAG_JOBS to fewer processes; with 1, a crash shows where it is"
        ) from reason


def _windowed(function: Callable, items: Iterable, jobs: Callable[[], int], chunk: int, executor: Executor) -> Iterator:
    """jobs: how many chunks are worked on at once, which changes as a cluster grows."""
    items, waiting = iter(items), deque[tuple[Sequence, Future]]()
    while chunk_items := list(itertools.islice(items, chunk)):
        with deaf():  # the first of these start the processes
            waiting.append((chunk_items, executor.submit(_of_chunk, function, chunk_items)))
        if len(waiting) >= jobs() * WAITING:
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
