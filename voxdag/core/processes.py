"""An executor of processes of this machine, which end with the process that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from threading import Thread, current_thread, main_thread
from types import ModuleType

from threadpoolctl import threadpool_limits

from voxdag.core import command

MAIN = "__main__"  # the module that is run as a program
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read by libraries when they are loaded


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
