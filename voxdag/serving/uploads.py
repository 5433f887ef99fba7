"""Where uploaded files lie while they are scored: a folder of this process's own, in which each file has a folder, and
of which nothing is left when it has been scored, when it has waited too long, and when the process ends."""

from __future__ import annotations

import fcntl
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from voxdag.core.files import text_of

PREFIX = "voxdag-serve-"  # of folders below the system's folder for temporary files
LOCK = ".lock"  # held by the process whose folder it is
LONGEST = 100  # characters of a file's name
KEPT = 900  # seconds that a file may wait to be scored
UNNAMED = "recording"


class Uploads:
    """The folder, made with the rights of its user alone. As a context it goes when that ends."""

    def __init__(self) -> None:
        forget_killed()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        self._lock = (self.folder / LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def place(self, name: str) -> Path:
        """Where a file of this name goes: in a new folder, whose name nobody guesses."""
        folder = self.folder / secrets.token_urlsafe(24)
        folder.mkdir()
        return folder / safe(name)

    def holds(self, path: Path | str) -> bool:
        """Whether the path is one that `place` gave, by its form; nothing is looked up."""
        path = Path(path)
        return path.parent.parent == self.folder and not {"..", "."} & set(path.parts)

    def discard(self, paths: Iterable[Path]) -> None:
        """Delete uploads with their folders, and what the framework left beside them."""
        for path in paths:
            if self.holds(path):
                shutil.rmtree(path.parent, ignore_errors=True)
        self.sweep(KEPT)

    def sweep(self, age: float) -> None:
        """Delete uploads that have waited longer than `age` seconds, and files that are no uploads."""
        for entry in self.folder.iterdir():
            if entry.is_dir() and _age(entry) > age:
                shutil.rmtree(entry, ignore_errors=True)
            elif not entry.is_dir() and entry.name.startswith("tmp"):  # gradio makes an empty one beside each upload
                entry.unlink(missing_ok=True)


def safe(name: str) -> str:
    """The last part of a file's name, without what no name should hold, and not too long; its ending stays."""
    last = re.split(r"[/\\]", text_of(name))[-1]
    printable = "".join(character for character in last if character.isprintable()).strip(". ")
    stem, dot, ending = printable.rpartition(".")
    short = (
        f"{stem[: LONGEST - len(ending) - 1]}{dot}{ending}" if stem and len(ending) < LONGEST else printable[:LONGEST]
    )
    while len(short.encode()) > 255:  # bytes that a name may have
        short = short[1:]
    return short or UNNAMED


def forget_killed() -> None:
    """Delete the folders of processes that were killed: their locks are nobody's."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (folder / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another's, or in use
            continue


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
