"""The events of a run in a file that only grows, for trackers to follow.

The file holds no time and no host: a run that is killed and goes on has the file of an unbroken run, byte for byte. It
lies beside the run's state, since DVC takes a stage's outputs away before it runs; the stage copies it to them.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voxdag.core import ranks
from voxdag.core.errors import Refused
from voxdag.core.files import naming
from voxdag.training.events import Event
from voxdag.training.tracking import Trackers

EVENTS = "events.jsonl"
LINES = 10_000  # of steps, at most, where no parameter says how often


def interval(log_every: int | None, steps: int) -> int:
    """Every how many steps one is written: `log_every`, or as often as gives LINES of them at most."""
    return log_every or max(1, math.ceil(steps / LINES))


class EventLog:
    """The events of a run in a file. They wait in memory until `flush`, which a save of the run's state calls first.

    Of several processes that train together, the first one has the file and the trackers.
    """

    def __init__(self, path: Path, trackers: Trackers):
        self.path, self.trackers = Path(path), trackers if ranks.is_first() else Trackers.none()
        self._clear()

    def _clear(self) -> None:
        self.size = self.count = self.checksum = 0  # bytes, events and CRC-32 of the file
        self._waiting: list[Event] = []

    def add(self, axis: str, place: int, values: Mapping[str, float]) -> None:
        """Take in an event."""
        if ranks.is_first():
            self._waiting.append(Event.of(axis, place, values))

    def flush(self) -> None:
        """Write what waits to the end of the file, then tell the trackers."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        content = "".join(event.line() for event in waiting).encode()
        with naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        self.trackers.follow(waiting, self.count)
        self.size, self.count = self.size + len(content), self.count + len(waiting)
        self.checksum = zlib.crc32(content, self.checksum)

    def state(self) -> dict[str, int]:
        """What a state of the run has to know of the file, for `cut`."""
        return {"size": self.size, "checksum": self.checksum}

    def cut(self, size: int, checksum: int) -> None:
        """Cut the file back to its first `size` bytes: what came after the last state is made again.

        Raises Refused where it has fewer, or others than the state knows.
        """
        if not ranks.is_first():
            return
        content = self.path.read_bytes() if self.path.is_file() else b""
        if len(content) < size:
            raise self._refused(f"holds {len(content)} bytes, {size}")
        if (found := zlib.crc32(content[:size])) != checksum:
            raise self._refused(f"has the checksum {found:08x}, {checksum:08x}")
        if len(content) > size:
            os.truncate(self.path, size)
        self._clear()
        self.size, self.checksum = size, checksum
        self.count = len(self.read())

    def empty(self) -> None:
        """Begin anew."""
        self.cut(0, 0)

    def _refused(self, difference: str) -> Refused:
        return Refused(
            f"{self.path} {difference} by the state beside it; delete {self.path.parent}, and training begins anew"
        )

    def read(self) -> list[Event]:
        """The events in the file."""
        if not self.size:
            return []
        return [Event.read(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def content(self) -> bytes:
        """The file, as bytes; none of a run that said nothing."""
        return self.path.read_bytes() if self.size else b""

    def is_due(self, now: float) -> bool:
        """Whether trackers want to hear something before the next save; `now` in seconds of time.monotonic()."""
        return self.trackers.is_due(now)

    @contextmanager
    def followed(self, unfinished: bool) -> Iterator[None]:
        """Have the trackers follow within, from where each was; none is started where there is nothing to tell."""
        try:
            if unfinished or self.trackers.are_behind(self.count):
                self.trackers.start()
                self.trackers.follow(self.read(), 0)
            yield
        except BaseException:
            self.trackers.close(succeeded=False)
            raise
        self.trackers.close(succeeded=True)
