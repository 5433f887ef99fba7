"""Commands beside one another: their output line by line, and the end of all of them, however this process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from voxdag.core.errors import Refused
from voxdag.side_by_side import guard

PATIENCE = 10.0  # s that commands have to end in, after SIGINT and again after SIGTERM
STEP = 0.05  # s between two looks at whether they have
LEFT_OVER = 5.0  # s for the last output of a command that has ended


class Children:
    """The commands that run now. Each is a process group of its own under a guard (`guard.py`): Ctrl-C in a terminal
    reaches this process alone, which then decides, and all of them end where this process is killed.

    ending: whether `end` was called
    """

    def __init__(self) -> None:
        self._theirs, self._ours = os.pipe()  # neither is inherited, but where it is passed on
        self._running: set[subprocess.Popen] = set()
        self._lock, self.ending = Lock(), False

    def run(
        self, command: Sequence[str], folder: str | Path, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> int:
        """Run a command to its end; its exit status, 128 + n where signal n ended it.

        say   is called with each line of its output, standard output and errors alike, from another thread
        Raises Refused where `end` was called before.
        """
        child = self._start(command, folder, environment)
        reader = Thread(target=_read, args=(child, say), daemon=True)
        reader.start()
        status = child.wait()
        if status:  # nothing of it may go on: a stage that has failed may be started again
            _signal(child, signal.SIGKILL)
        reader.join(LEFT_OVER)  # what it left in the background may hold its output open
        with self._lock:
            self._running.discard(child)
        return guard.OF_SIGNALS - status if status < 0 else status

    def _start(self, command: Sequence[str], folder: str | Path, environment: Mapping[str, str]) -> subprocess.Popen:
        with self._lock:
            if self.ending:
                raise Refused("interrupted before it began")
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(self._theirs), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(self._theirs,),
                start_new_session=True,
            )
            self._running.add(child)
            return child

    def end(self) -> None:
        """End all commands, and let none start any more: by SIGINT, as Ctrl-C does, then SIGTERM, then SIGKILL.

        An interrupt of this, the second Ctrl-C, is SIGKILL at once.
        """
        with self._lock:
            self.ending = True
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._signal_all(number)
                self._wait(PATIENCE)
        finally:
            self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        for child in self._those_left():
            _signal(child, number)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._those_left() and time.monotonic() < until:
            time.sleep(STEP)

    def _those_left(self) -> list[subprocess.Popen]:
        with self._lock:
            return list(self._running)


def _read(child: subprocess.Popen, say: Callable[[str], None]) -> None:
    for line in child.stdout:
        say(line.rstrip())


def _signal(child: subprocess.Popen, number: int) -> None:
    with suppress(ProcessLookupError):  # all of the group have ended
        os.killpg(child.pid, number)
