"""Many files through networks, none of which waits for another: rows of each, in the files' order.

    on a CPU    each process, this one among them, decodes and scores some files at a time, with one thread: processors
                are never idle, no thread waits for another, and none for the others to load their packages
    on a GPU    processes decode ahead, and this one scores

Few files are the work of this process alone: another takes seconds to load its packages.
"""

from __future__ import annotations

import functools
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from voxdag.core.files import text_of
from voxdag.core.parallel import result_of
from voxdag.core.params import Run
from voxdag.core.processes import Processes, deaf
from voxdag.core.threads import one_thread

BYTES_EACH = 4 << 20  # of files, for another process to be worth it: two minutes of 16-bit speech at 16 kHz
CHUNK = 8  # files that a process takes at once
ROUNDS = 4  # at least so many times does each process take files, so that none is left with the last ones
AHEAD = 2  # times that a process's files lie ready for it
WAITING = 16  # portions for each process that are done, or begun, before the first of them is: the others' rows wait

Job = tuple[Path, Path | None]  # a file, and what is to be written of it


@dataclass(frozen=True)
class FileRows:
    """What there is of a file.

    seconds  that were heard of; 0 of what could not be read     failed   whether it has no output
    in_part  whether its first segment alone was scored
    """

    path: Path
    rows: list[dict]
    seconds: float
    failed: bool
    in_part: bool = False


class Worker(Protocol):
    """Networks, opened."""

    @property
    def system(self) -> str:
        """Whose they are."""

    @property
    def weights(self) -> str:
        """The hashes of their files."""

    @property
    def header(self) -> list[str]:
        """The columns of rows."""

    @property
    def device(self) -> torch.device:
        """Where networks are."""

    @property
    def hearing(self) -> Callable[[Path], object] | None:
        """What hears a file for them, also in another process; None: they hear it themselves."""

    def __call__(self, jobs: Sequence[Job], heard: Iterable | None = None) -> Iterator[FileRows]:
        """The rows of files, in order. heard: what `hearing` gives of each, where others do that."""


class Work(Protocol):
    """How files are worked on. It travels to processes."""

    def with_run(self, run: Run) -> Work:
        """The same on another device, or with another number of threads."""

    @property
    def run(self) -> Run:
        """The settings of the machine."""

    def open(self) -> Worker:
        """Read the networks."""


@dataclass(frozen=True)
class Portion:
    """Files that a process takes at once."""

    jobs: Sequence[Job]

    @property
    def name(self) -> str:
        """What a message calls it."""
        return " to ".join(dict.fromkeys(text_of(path) for path, _ in (self.jobs[0], self.jobs[-1])))


def processes(files: Iterable[Path], most: int) -> int:
    """How many are worth it for these files, `most` at most."""
    sizes = [_size(file) for file in files]
    return max(1, min(most, len(sizes), sum(sizes) // BYTES_EACH))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):  # gone, or no name at all: it has a row that says so
        return 0


def rows(work: Work, worker: Worker, jobs: Sequence[Job], count: int) -> Generator[FileRows, None, None]:
    """What there is of each file, in order, by `count` processes. worker: that of `work`, opened here.

    Raises Refused where a process was killed.
    """
    hearing = worker.hearing
    if count > 1 and worker.device.type == "cpu":
        yield from _in_processes(work, worker, jobs, count)
    elif count > 1 and hearing is not None:
        with _pool(count) as pool:
            yield from worker(jobs, _ahead(hearing, [path for path, _ in jobs], pool, count))
    else:
        yield from worker(jobs)


def _in_processes(work: Work, worker: Worker, jobs: Sequence[Job], count: int) -> Iterator[FileRows]:
    there = pickle.dumps(work.with_run(replace(work.run, num_threads=1, device="cpu")))
    size = max(1, min(CHUNK, len(jobs) // (ROUNDS * count)))
    portions = [Portion(jobs[start : start + size]) for start in range(0, len(jobs), size)]
    with _pool(count - 1) as pool, one_thread():
        yield from _together(functools.partial(_of, there), worker, portions, pool, count)


@contextmanager
def _pool(count: int) -> Iterator[Processes]:
    """Processes that end where they are when something fails, or nobody reads what they make."""
    pool = Processes(count, program=False)
    try:
        yield pool
    except BaseException:
        pool.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        pool.end()


def _ahead(hearing: Callable[[Path], object], files: Sequence[Path], pool: Processes, count: int) -> Iterator[object]:
    """What `hearing` gives of each file, in order; some files for each process are heard before they are asked for."""
    left = deque(files[start : start + CHUNK] for start in range(0, len(files), CHUNK))
    waiting: deque[tuple[Sequence[Path], Future]] = deque()
    while left or waiting:
        while left and len(waiting) < AHEAD * count:
            with deaf():
                waiting.append((left[0], pool.submit(_each, hearing, left.popleft())))
        chunk, future = waiting.popleft()
        yield from result_of(future, text_of(chunk[0]))


def _each(hearing: Callable[[Path], object], files: Sequence[Path]) -> list:
    return [hearing(file) for file in files]


def _together(
    function: Callable[[Portion], list[FileRows]],
    worker: Worker,
    portions: Sequence[Portion],
    pool: Processes,
    count: int,
) -> Iterator[FileRows]:
    """The rows of all portions, in order. The processes of the pool have some that lie ready; this one takes the first,
    and then the next whenever the rows that come first are not there yet."""
    first, *others = portions
    left = deque(others)
    waiting: deque[tuple[Portion, Future]] = deque()

    def feed() -> None:
        running = sum(not future.done() for _, future in waiting)
        for _ in range(min(len(left), AHEAD * (count - 1) - running)):
            with deaf():  # the first of these start the processes
                waiting.append((left[0], pool.submit(function, left.popleft())))

    feed()
    yield from worker(first.jobs)
    while left or waiting:
        feed()
        if left and not waiting[0][1].done() and len(waiting) < WAITING * count:
            here = left.popleft()
            waiting.append((here, _done(list(worker(here.jobs)))))
        else:
            portion, future = waiting.popleft()
            yield from result_of(future, portion.name)


def _done(result: object) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future


def _of(work: bytes, portion: Portion) -> list[FileRows]:
    return list(_opened(work)(portion.jobs))


@functools.cache
def _opened(work: bytes) -> Worker:
    """Once in each process."""
    return pickle.loads(work).open()
