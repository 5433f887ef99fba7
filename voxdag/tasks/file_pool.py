"""Many files through networks, none of which waits for another: rows of each, in the files' order.

    on a CPU    each process decodes and scores some files at a time, with one thread: processors are never idle, and no
                thread waits for another
    on a GPU    processes decode ahead, and this one scores

Few files are the work of this process alone: another takes seconds to load its packages.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from voxdag.core import parallel
from voxdag.core.files import text_of
from voxdag.core.params import Run

BYTES_EACH = 2 << 20  # of files, for another process to be worth it: a minute of 16-bit speech at 16 kHz
CHUNK = 8  # files that a process takes at once
ROUNDS = 4  # at least so many times does each process take files, so that none is left with the last ones

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
    """Networks, opened.

    header   the columns of rows
    hearing  what hears a file for them, also in another process; None: they hear it themselves
    """

    header: list[str]
    system: str
    weights: str
    device: torch.device
    hearing: Callable[[Path], object] | None

    def __call__(self, jobs: Sequence[Job], heard: Iterable | None = None) -> Iterator[FileRows]:
        """The rows of files, in order. heard: what `hearing` gives of each, where others do that."""


class Work(Protocol):
    """How files are worked on: a dataclass that travels to processes."""

    run: Run

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


def rows(work: Work, worker: Worker, jobs: Sequence[Job], count: int) -> Iterator[FileRows]:
    """What there is of each file, in order, by `count` processes. worker: that of `work`, opened here.

    Raises Refused as `parallel.stream` does.
    """
    on_cpu = worker.device.type == "cpu"
    if count == 1 or (not on_cpu and worker.hearing is None):
        yield from worker(jobs)
    elif on_cpu:
        yield from _in_processes(work, jobs, count)
    else:
        with closing(parallel.stream(worker.hearing, [path for path, _ in jobs], count, None, program=False)) as heard:
            yield from worker(jobs, heard)


def _in_processes(work: Work, jobs: Sequence[Job], count: int) -> Iterator[FileRows]:
    there = pickle.dumps(replace(work, run=replace(work.run, num_threads=1, device="cpu")))
    size = max(1, min(CHUNK, len(jobs) // (ROUNDS * count)))
    portions = [Portion(jobs[start : start + size]) for start in range(0, len(jobs), size)]
    with closing(parallel.stream(functools.partial(_of, there), portions, count, None, 1, program=False)) as parts:
        for part in parts:
            yield from part


def _of(work: bytes, portion: Portion) -> list[FileRows]:
    return list(_opened(work)(portion.jobs))


@functools.cache
def _opened(work: bytes) -> Worker:
    """Once in each process."""
    return pickle.loads(work).open()
