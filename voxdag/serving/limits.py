"""What the page takes: how large, how long and how many files may be, and how many may wait."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voxdag.audio.length import Length, length
from voxdag.core import bounds

MEGABYTE = 1 << 20
WIDEST = 192_000  # values a second: two channels at 96 kHz
MOST_FILES, MOST_WAITING = 1000, 1000


class TooLong(ValueError):
    """Audio that is longer than the page takes; the message is the reason."""


@dataclass(frozen=True)
class Limits:
    """Of one request: all files that are scored at a press of the button, together.

    megabytes  of the upload      seconds  of audio      files  how many
    waiting    requests that may wait while one is worked on
    """

    megabytes: int = 100
    seconds: int = 300
    files: int = 20
    waiting: int = 16

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "megabytes", "seconds")
        bounds.within(self, 1, MOST_FILES, "files")
        bounds.within(self, 1, MOST_WAITING, "waiting")

    @property
    def bytes(self) -> int:
        """Of an upload."""
        return self.megabytes * MEGABYTE

    def in_words(self) -> str:
        """What the page says of them."""
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"At once up to {files}, {self.megabytes} MB and {_minutes(self.seconds)} of audio"


@dataclass
class Budget:
    """What is left of the seconds of a request."""

    limits: Limits
    left: float

    def take(self, path: Path) -> None:
        """Count a file, before it is decoded. Raises TooLong where it is longer than what is left, or has more channels
        or a higher rate than there is memory for."""
        most = Length(self.left, self.limits.seconds * WIDEST)
        found = length(path, most)
        if found.seconds > most.seconds:
            left = f"; of these {self.left:.1f} s are left" if self.left < self.limits.seconds else ""
            raise TooLong(f"too long: the page takes {self.limits.seconds} s of audio at once{left}")
        if found.values > most.values:
            values = f"{found.values / max(found.seconds, 1e-9):,.0f}"
            raise TooLong(f"too much for memory: {values} values a second, expected {WIDEST:,} or fewer over the limit")
        self.left -= found.seconds


def budget(limits: Limits) -> Budget:
    """All of it."""
    return Budget(limits, float(limits.seconds))


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds % 60 == 0 and seconds > 60 else f"{seconds} s"
