"""How files are written, and found."""

from __future__ import annotations

import errno
import fcntl
import heapq
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # where a link leads that leads nowhere


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` at once, as `writing` does."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path`, to be written, that takes its name when that is done; it goes where that fails.

    Folders are made where they are missing. The file beside it is always of the same name (`file.name`), so the next
    run takes away what a killed one left of it. An OSError (a full disk) names `path`.
    """
    path = Path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        with _held(partial) as file:
            try:
                yield file
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


def text_of(path: str | os.PathLike[str]) -> str:
    """A path as text that any file or terminal takes: a byte that is not UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def apart(files: Sequence[Path]) -> dict[Path, Path]:
    """Each file's path below the innermost folder that holds all of them."""
    common = Path(os.path.commonpath([file.absolute().parent for file in files])) if files else Path()
    return {file: file.absolute().relative_to(common) for file in files}


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
    linked: list[tuple[int, Path, frozenset]] = []
    followed: set = set()
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
