"""The driver's side of a Dask cluster: its workers as an executor, for as long as a parallel map is worked on."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Lock, Thread
from typing import Any

import dask
from distributed import Client, rpc
from distributed.comm.addressing import get_address_host_port
from distributed.scheduler import KilledWorker

from voxdag.core.cluster import carrier, session
from voxdag.core.cluster.session import Session
from voxdag.core.errors import Refused
from voxdag.core.parallel import SCHEDULER, Lost
from voxdag.core.processes import MAIN

CONNECT = 5  # s in which a scheduler answers
TYPE = "Scheduler"  # as it calls itself
RETRIES = 2  # times that work is begun anew where its process was killed; dask does so itself where a worker was
PATIENCE, DEFAULT_PATIENCE = "VOXDAG_SCHEDULER_SECONDS", "60"  # that work waits for a worker while there is none
SECOND = 1.0  # between two looks at who is there
MEMORY = "where memory ran out there, start fewer workers or threads"
THEIRS = ("distributed", "distributed.client", "tornado.application")  # loggers; the second has a level of its own
GONE = f"the scheduler that {SCHEDULER} names is gone. Start it, and the same command again"
SETTINGS = {
    "distributed.comm.timeouts.connect": f"{CONNECT}s",
    "distributed.admin.large-graph-warning-threshold": "1GB",  # payloads hold audio
}

log = logging.getLogger(__name__)


@contextmanager
def workers(address: str, function: Callable, threads: int) -> Iterator[Workers]:
    """The workers of the scheduler at `address`, for calls of `function`, each with so many threads.

    Raises Refused where no scheduler answers, and where a worker differs from this process in what a result may depend
    on.
    """
    patience = _patience()
    with _quiet(), dask.config.set(SETTINGS), _connected(address) as client, session.opened(function, threads) as ours:
        _check(client, ours)
        found = Workers(client, ours, patience)
        try:
            yield found
        finally:
            found.end()


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask says nothing of its own within: what went wrong is said by what is raised."""
    theirs = [logging.getLogger(name) for name in THEIRS]
    before = [logger.level for logger in theirs]
    for logger in theirs:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(theirs, before, strict=True):
            logger.setLevel(level)


class Workers(Executor):
    """An executor of a cluster: processes beside its workers, which end with it.

    What a worker did that was killed is done by another. A future raises Lost where there is no worker for `patience`
    seconds, or no scheduler.
    """

    def __init__(self, client: Client, ours: Session, patience: float):
        self._client, self._session, self._patience = client, ours, patience
        self._packed, self._address = pickle.dumps(ours), client.scheduler.address
        self._dask = client.get_executor(pure=False, retries=RETRIES)
        self._lock, self._ended = Lock(), Event()
        self._open: set[Future] = set()
        self.slots = sum(client.nthreads().values())  # payloads that the workers take at once
        Thread(target=self._watch, daemon=True).start()

    def submit(self, function: Callable, /, *words: object, **named: object) -> Future:
        """Have a worker call the function."""
        found: Future = Future()
        with self._lock:
            self._open.add(found)
        payload = pickle.dumps((partial(function, **named), words))
        task = self._dask.submit(_carry(), self._session.root, self._packed, payload)
        task.add_done_callback(lambda done: self._settle(found, *_answer(done, self._session.program)))
        return found

    def end(self) -> None:
        """End all work where it is."""
        self._ended.set()
        self._dask.shutdown(wait=False)
        if self._client.status == "running":
            with suppress(OSError, RuntimeError):  # who is gone by now has ended
                self._client.run(_at_once("leave"), self._session.root, self._session.name, on_error="ignore")

    def _settle(self, found: Future, result: object, error: BaseException | None) -> None:
        with self._lock:
            if found not in self._open:
                return
            self._open.remove(found)
        if error is None:
            found.set_result(result)
        else:
            found.set_exception(error)

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(SECOND):
            try:
                self.slots = sum(self._client.nthreads().values())
            except Exception:  # of many kinds, where no scheduler answers
                self.slots = 0
                if _refuses(self._address):  # the client may go on trying to reach it for long
                    self._lose(GONE)
            if self.slots or not self._open:
                last = time.monotonic()
            elif time.monotonic() - last > self._patience:
                self._lose(
                    f"the scheduler that {SCHEDULER} names has had no worker for {self._patience:g} s, or does not "
                    f"answer. Start workers, and the same command again; {PATIENCE} has it wait longer"
                )

    def _lose(self, reason: str) -> None:
        for found in list(self._open):
            self._settle(found, None, Lost(reason))


def _refuses(address: str) -> bool:
    """Whether nothing listens at an address any more."""
    try:
        socket.create_connection(get_address_host_port(address), timeout=SECOND).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _answer(task: Future, program: str | None) -> tuple[Any, BaseException | None]:
    """What a task gave: a result, or an error."""
    try:
        result, error, trace = session.load(task.result(), {program: MAIN} if program else {})
    except CancelledError:
        return None, Lost(GONE)
    except KilledWorker as reason:
        return None, Lost(f"{reason.last_worker.address}, a worker, was killed over it, as others before: {MEMORY}")
    except carrier.Ended as reason:
        return None, Lost(f"{reason}, and so did {RETRIES} before it: {MEMORY}")
    except Exception as reason:
        return None, reason
    if error is not None and trace:
        error.__cause__ = RuntimeError(f"on a worker:\n{trace}")
    return result, error


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        found = asyncio.run(asyncio.wait_for(_type(address), CONNECT))
    except Exception as reason:  # of any kind, where something else than a scheduler answers
        raise Refused(
            f"{SCHEDULER} is {address!r}, expected tcp://host:port of a Dask scheduler, and none answers there within "
            f"{CONNECT} s ({_line(reason)})"
        ) from reason
    if found != TYPE:
        raise Refused(f"{SCHEDULER} is {address!r}, expected the address of a Dask {TYPE}, not that of a {found}")
    with Client(address, set_as_default=False) as client:
        yield client


async def _type(address: str) -> str:
    """What answers at an address. (A client that finds none there would not end for long.)"""
    async with rpc(address) as there:
        return (await there.identity())["type"]


def _check(client: Client, ours: Session) -> None:
    """Raises Refused with what the first of the workers says that differs."""
    said = client.run(_at_once("meet"), ours.root, pickle.dumps(ours), on_error="return")
    for address, reason in sorted(said.items()):
        if isinstance(reason, OSError):
            log.warning("%s, a worker, does not answer: %s", address, _line(reason))
        elif isinstance(reason, ImportError):
            raise Refused(f"{address}, a worker, cannot import {ours.root}/voxdag, as the driver does: {_line(reason)}")
        elif isinstance(reason, Exception):
            raise Refused(f"{address}, a worker: {_line(reason)}")
    if not said:
        log.info("%s has no worker: waiting for one", client.scheduler.address)


def _carry() -> Callable[[str, bytes, bytes], bytes]:
    """`carrier.carry` for workers that may not know where ours lies; what stands in a function travels as it is."""

    def call(root: str, *words: bytes) -> bytes:
        import sys

        if root not in sys.path:
            sys.path.append(root)
        from voxdag.core.cluster import carrier

        return carrier.carry(*words)

    return call


def _at_once(name: str) -> Callable:
    """As `_carry`, of what all workers do beside their work: meet and leave."""

    async def call(root: str, *words: object) -> None:
        import sys

        if root not in sys.path:
            sys.path.append(root)
        from voxdag.core.cluster import carrier

        await getattr(carrier, name)(*words)

    return call


def _patience() -> float:
    asked = os.environ.get(PATIENCE, DEFAULT_PATIENCE)
    if not (asked.isascii() and asked.isdecimal()) or int(asked) < 1:
        raise Refused(f"{PATIENCE} is {asked!r}, expected a whole number of 1 or more")
    return int(asked)


def _line(reason: Exception) -> str:
    return str(reason).split("\n")[0].rstrip(".") or type(reason).__name__
