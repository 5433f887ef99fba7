"""How files are written, and found."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # where a link leads that leads nowhere


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` at once, through a file beside it; folders are made where they are missing.

    The file beside it is always of the same name, so the next run takes away what a killed one left of it. An OSError
    (a full disk) names `path`.
    """
    path = Path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        with _held(partial) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                partial.replace(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise


def write_text(path: Path, text: str) -> None:
    """Write a text that is made anew on every run, in place and without waiting for the disk."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has an OSError name `path` where it names no file: what a write raises does not say where it wrote."""
    try:
        yield
    except OSError as reason:
        if reason.errno is None or reason.filename is not None:
            raise
        raise OSError(reason.errno, os.strerror(reason.errno), str(path)) from reason


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    """The file, empty and locked: who writes the same one at the same time waits, and then writes one of its own."""
    while True:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(path, file):
                file.truncate(0)
                yield file
                return


def _is_still(path: Path, file: BinaryIO) -> bool:
    """Whether an open file has its name yet: the one who held it before gave it another, or took it away."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def walk(folder: Path) -> Iterator[tuple[str, int]]:
    """(path below `folder`, bytes) of every file; folders whose name starts with a dot are not entered.

    A linked folder is entered, unless it is one of those around it. A link that leads nowhere is no file, nor is what
    goes away meanwhile. A folder that may not be read is an OSError: what it holds would be missed without a word.
    """
    if not folder.is_dir():
        return
    waiting = [(folder, frozenset({_identity(folder.stat())}))]
    while waiting:
        place, around = waiting.pop()
        below = place.relative_to(folder).as_posix()
        for entry, status in _entries(place):
            if stat.S_ISREG(status.st_mode):
                yield f"{below}/{entry.name}", status.st_size
            elif stat.S_ISDIR(status.st_mode) and not entry.name.startswith(".") and _identity(status) not in around:
                waiting.append((Path(entry.path), around | {_identity(status)}))


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry, os.stat_result]]:
    try:
        listed = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in listed:
        try:
            yield entry, entry.stat()
        except OSError as reason:
            if reason.errno not in NOWHERE:
                raise


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
