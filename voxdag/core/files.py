"""How files are written, and found."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # where a link leads that leads nowhere


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` at once, through a file beside it; folders are made where they are missing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text that is made anew on every run, in place and without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def text_of(path: str | os.PathLike[str]) -> str:
    """A path as text that any file or terminal takes: a byte that is not UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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
