"""A file of rows that a run goes on with: what is whole in it stays, and is not made again.

A run that was killed may have left half a line, and the rows of a file in part. So the rows of the last file are taken
away, with what follows them, and made again; a last file that this run is not asked for stays where it is whole.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from voxdag.core.errors import Refused
from voxdag.core.files import naming

SAME = ("system", "weights")  # columns that all rows of a file agree in


@dataclass(frozen=True)
class Asked:
    """What a run makes rows of.

    same      what the columns SAME of the rows have to say
    paths     the values of the column `path` that the run is asked for
    by_parts  whether a file has several rows, of which some may be there
    """

    same: Mapping[str, str]
    paths: Collection[str]
    by_parts: bool = False


@dataclass(frozen=True)
class Kept:
    """Of the rows that stay: their values of the column `path`, those of them without an output, and the last row with
    one, if there is any."""

    paths: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    last: Mapping[str, object] | None = None


@contextmanager
def resumed(path: Path, columns: Sequence[str], as_json: bool, asked: Asked) -> Iterator[tuple[TextIO, Kept]]:
    """The file, open behind the rows that stay, and what these say.

    Raises Refused for a file of other columns or another kind, whose rows say otherwise, that ends with rows of a file
    that may be there in part and that the run would not make again, or that another process writes.
    """
    with naming(path), path.open("a+b") as file:
        _hold(file, path)
        file.seek(0)
        kept, size = _kept(file.read(), columns, as_json, path, asked)
        file.truncate(size)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            text.seek(0, io.SEEK_END)
            yield text, kept


def _hold(file: io.BufferedRandom, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"{path} is being written by another process: expected a file of this run alone") from None


def _kept(content: bytes, columns: Sequence[str], as_json: bool, path: Path, asked: Asked) -> tuple[Kept, int]:
    """The rows that stay, and where these end."""
    lines = content.split(b"\n") if as_json else re.findall(rb"[^\n]*\n|[^\n]+$", content)
    rows = list(_of_json(lines, columns, path) if as_json else _of_csv(lines, columns, path))
    start = 0 if as_json or not lines or not lines[0].endswith(b"\n") else len(lines[0])  # behind the first line
    for row, _ in rows:
        for name, expected in asked.same.items():
            if row[name] != expected:
                raise Refused(f"{path} has rows of {name} {row[name]}, this run's are of {expected}: name another file")
    last = rows[-1][0]["path"] if rows else None
    if last is not None and last not in asked.paths:
        if asked.by_parts or not content.endswith(b"\n"):
            raise Refused(
                f"{path} ends with rows of {last}, which may be there in part, and this run is not asked for that "
                "file: name it too, or another file for the rows"
            )
        last = None
    kept = [(row, end) for row, end in rows if last is None or row["path"] != last]
    paths = frozenset(row["path"] for row, _ in kept)
    failed = frozenset(row["path"] for row, _ in kept if row.get("error"))
    scored = [row for row, _ in kept if not row.get("error")]
    return Kept(paths, failed, scored[-1] if scored else None), kept[-1][1] if kept else start


def _of_csv(lines: Sequence[bytes], columns: Sequence[str], path: Path) -> Iterator[tuple[dict, int]]:
    """Rows, each with the place of its end; without one that is cut off."""
    read = _Counted(lines)
    rows = csv.reader(read)
    first = next(rows, None)
    if first is not None and lines[0].endswith(b"\n") and first != list(columns):
        raise Refused(f"{path} has the columns {','.join(first)[:200]}; expected {','.join(columns)}")
    for row in rows:
        if len(row) == len(columns):
            yield dict(zip(columns, row, strict=True)), read.at
        elif read.at < sum(map(len, lines)):
            raise Refused(f"{path} is no table: a row has {len(row)} columns, expected {len(columns)}")


class _Counted:
    """Lines as text, and how many bytes of them were read."""

    def __init__(self, lines: Sequence[bytes]):
        self.lines, self.at = iter(lines), 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.at += len(line)
        return line.decode("utf-8", "replace")


def _of_json(lines: Sequence[bytes], columns: Sequence[str], path: Path) -> Iterator[tuple[dict, int]]:
    """As `_of_csv`."""
    at = 0
    for line in lines[:-1]:  # behind the last line break is nothing, or a line that is cut off
        at += len(line) + 1
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or list(row) != list(columns):
            raise Refused(f"{path} has another line than JSON with the keys {', '.join(columns)}: name another file")
        yield row, at
