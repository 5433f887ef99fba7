"""How files are written, and found."""

from __future__ import annotations

import errno
import heapq
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
    """(path below `folder`, bytes) of every file; what is no file, and a link that leads nowhere, is passed over.

    Otherwise as `walk_links`.
    """
    return ((name, size) for name, size in walk_links(folder) if size is not None)


def walk_links(folder: Path) -> Iterator[tuple[str, int | None]]:
    """(path below `folder`, bytes) of every file, None for the bytes of a link that leads nowhere.

    Folders whose name starts with a dot are not entered. Linked folders are, after all others, but for those that hold
    the link; and each link is followed once, so that links in all directions end. A file that goes away meanwhile is
    passed over. A folder that may not be read is an OSError: what it holds would be missed without a word.
    """
    if not folder.is_dir():
        return
    waiting = [(folder, frozenset(map(_identity, folder.resolve().parents)))]
    linked, followed = [], set()
    while waiting or linked:
        place, around = waiting.pop() if waiting else heapq.heappop(linked)[1:]
        here, below = _identity(place), place.relative_to(folder).as_posix()
        if here is None or here in around:
            continue
        for entry, status in _entries(place):
            if status is None:
                yield f"{below}/{entry.name}", None
            elif stat.S_ISREG(status.st_mode):
                yield f"{below}/{entry.name}", status.st_size
            elif stat.S_ISDIR(status.st_mode) and not entry.name.startswith("."):
                inner = Path(entry.path), around | {here}
                if not entry.is_symlink():
                    waiting.append(inner)
                elif (here, entry.name) not in followed:
                    followed.add((here, entry.name))
                    heapq.heappush(linked, (len(inner[0].parts), *inner))


def printable(name: str) -> str:
    """A file name as text that can be written: bytes that are not UTF-8 as in M\\xfcller."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry, os.stat_result | None]]:
    """What a folder holds; None of a link that leads nowhere."""
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
            if entry.is_symlink():
                yield entry, None


def _identity(folder: Path) -> tuple[int, int] | None:
    """The same for all paths that lead to a folder; None where it is gone."""
    try:
        status = folder.stat()
    except OSError as reason:
        if reason.errno not in NOWHERE:
            raise
        return None
    return status.st_dev, status.st_ino
