"""The process that works for a session beside a worker of Dask's: it answers payloads, one after the other.

Usage:  python -m voxdag.core.cluster.child <descriptor>      by `carrier` alone: the number of an open socket

The first message is the session, and its answer what differs here. It ends with the worker, and when nothing came for
a while.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from queue import Empty, Queue
from threading import Thread

from threadpoolctl import threadpool_limits

from voxdag.core import command
from voxdag.core.cluster.session import Session, difference, load
from voxdag.core.processes import MAIN

IDLE = 60  # s: a driver that was killed sends nothing more


def serve(connection: Connection) -> None:
    """Answer all that comes."""
    session: Session = pickle.loads(connection.recv_bytes())
    connection.send_bytes(difference(session).encode())
    inbox: Queue[bytes] = Queue()
    Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    while True:
        try:
            payload = inbox.get(timeout=IDLE)
        except Empty:
            return
        connection.send_bytes(answer(payload, session))


def answer(payload: bytes, session: Session) -> bytes:
    """(result, None, "") of a payload's function, or (None, error, traceback), pickled."""
    try:
        function, words = load(payload, {MAIN: session.program} if session.program else {})
        with threadpool_limits(session.threads):
            return pickle.dumps((function(*words), None, ""))
    except Exception as error:
        return pickle.dumps((None, error, traceback.format_exc()))


def _listen(connection: Connection, inbox: Queue[bytes]) -> None:
    try:
        while True:
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):  # the worker has ended, and nobody waits for what is worked on
        os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the worker decides
    command.log_to_stderr()
    serve(Connection(int(sys.argv[1])))
