"""What runs in a worker of Dask's: it carries payloads to processes of ours, and their answers back."""

from __future__ import annotations

import asyncio
import functools
import os
import pickle
import platform
import subprocess
import sys
from multiprocessing import Pipe
from threading import Lock

from voxdag.core.cluster.session import Session, surroundings
from voxdag.core.errors import Refused
from voxdag.core.processes import THREADS

OWN = ("voxdag/core/cluster/carrier.py", "voxdag/core/cluster/session.py")


class Ended(Exception):
    """A process of ours ended while it worked."""


class Child:
    """A process that works for a session.

    Raises Refused, with the worker's machine, where it cannot start or something there is not as at the driver.
    """

    def __init__(self, session: Session):
        _check_own(session)
        ours, theirs = Pipe()
        paths = [session.root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VOXDAG_")}
        environment |= {**session.environment, **dict.fromkeys(THREADS, str(session.threads))}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "voxdag.core.cluster.child", str(theirs.fileno())],
                cwd=session.folder,
                env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        except OSError as reason:  # no such folder
            raise Refused(f"worker on {platform.node()}: {reason}") from None
        theirs.close()
        self.connection = ours
        try:
            differs = self.ask(pickle.dumps(session)).decode()
        except Ended as reason:
            differs = f"voxdag does not start from {session.root}, as at the driver ({reason})"
        if differs:
            self.end()
            raise Refused(f"worker on {platform.node()}: {differs}")

    def ask(self, message: bytes) -> bytes:
        """Its answer. Raises Ended where it ends instead."""
        try:
            self.connection.send_bytes(message)
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            self.end()
            raise Ended(f"a process on {platform.node()} ended with status {self.process.returncode}") from None

    def end(self) -> None:
        """End it where it is."""
        self.process.kill()
        self.process.wait()
        self.connection.close()


class Children:
    """The processes of all sessions in this worker, those that are idle and those that work."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[str, set[Child]] = {}
        self._busy: dict[str, set[Child]] = {}
        self._left: set[str] = set()  # sessions that have ended: what comes of them is late

    def work(self, session: Session, payload: bytes) -> bytes:
        """Have a process answer; it is started where none is idle. Raises Ended for a session that has."""
        child = self._take(session.name) or Child(session)
        self._keep(self._busy, session.name, child)
        try:
            found = child.ask(payload)
        finally:
            with self._lock:
                self._busy.get(session.name, set()).discard(child)
        self._keep(self._idle, session.name, child)
        return found

    def meet(self, session: Session) -> None:
        """Start a process for a session."""
        self._keep(self._idle, session.name, Child(session))

    def end(self, name: str) -> None:
        """End those of a session, where they are."""
        with self._lock:
            self._left.add(name)
            idle, busy = self._idle.pop(name, set()), self._busy.pop(name, set())
        for child in idle:
            child.end()
        for child in busy:  # who waits for its answer does the rest
            child.process.kill()

    def _keep(self, where: dict[str, set[Child]], name: str, child: Child) -> None:
        with self._lock:
            if name not in self._left:
                where.setdefault(name, set()).add(child)
                return
        child.end()
        raise Ended("its driver has ended")

    def _take(self, name: str) -> Child | None:
        with self._lock:
            idle = self._idle.get(name, set())
            while idle:
                child = idle.pop()
                if child.process.poll() is None:
                    return child
        return None


def _check_own(session: Session) -> None:
    """Raises Refused where the worker itself is of other code than the driver: it may have run for long."""
    changed = [name for name, digest in _own().items() if session.surroundings.get(name) != digest]
    if changed:
        raise Refused(f"worker on {platform.node()}: it has loaded another {changed[0]} than the driver: restart it")


@functools.cache
def _own() -> dict[str, str]:
    """What this worker has loaded of ours and works with itself: file -> hash, as of the time when it was loaded."""
    return {name: digest for name, digest in surroundings().items() if name.startswith(OWN)}


@functools.cache
def children() -> Children:
    """Those of this worker."""
    return Children()


def carry(session: bytes, payload: bytes) -> bytes:
    """A task of Dask's: have a payload answered, for a pickled session. Raises Ended, and Refused as `Child` does."""
    return children().work(pickle.loads(session), payload)


async def meet(session: bytes) -> None:
    """Start a process for a pickled session. Raises Refused as `Child` does."""
    await asyncio.to_thread(children().meet, pickle.loads(session))


async def leave(name: str) -> None:
    """End the processes of a session, at work or not."""
    await asyncio.to_thread(children().end, name)
