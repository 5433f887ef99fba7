"""How corpora are made: by many processes, and by one command line at a time."""

import fcntl
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

from threadpoolctl import threadpool_limits
from tqdm import tqdm


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Wait until no other process makes `target`; the lock goes with the process that holds it."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def each(function: Callable, items: Sequence, jobs: int, what: str) -> list:
    """The function's results in the items' order, by `jobs` processes of one thread each."""
    progress = partial(tqdm, total=len(items), desc=what, disable=None)  # None: on a terminal only
    if jobs == 1:
        with threadpool_limits(1):
            return [function(item) for item in progress(items)]
    context = multiprocessing.get_context("spawn")  # a forked child would inherit the locks of the parent's threads
    with ProcessPoolExecutor(jobs, context, initializer=_start_worker) as pool:
        return list(progress(pool.map(function, items, chunksize=8)))


def _start_worker() -> None:
    threadpool_limits(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
