"""A file of rows that a run goes on with: what is whole in it stays, and is not made again.

A run that was killed may have left half a line, and the rows of a file in part. So the rows of the last file are taken
away, with what follows them, and made again.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from voxdag.core.errors import Refused
from voxdag.core.files import naming

SAME = ("system", "weights")  # columns that all rows of a file agree in


@contextmanager
def resumed(
    path: Path, columns: Sequence[str], as_json: bool, same: Mapping[str, str]
) -> Iterator[tuple[TextIO, set[str]]]:
    """The file, open behind the rows that stay, and the values of their column `path`.

    same: what the columns SAME of its rows have to say. Raises Refused for a file of other columns or another kind,
    whose rows say otherwise, or that another process writes.
    """
    with naming(path), path.open("a+b") as file:
        _hold(file, path)
        file.seek(0)
        done, size = _kept(file.read(), columns, as_json, path, same)
        file.truncate(size)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            text.seek(0, io.SEEK_END)
            yield text, done


def _hold(file: io.BufferedRandom, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"{path} is being written by another process: expected a file of this run alone") from None


def _kept(
    content: bytes, columns: Sequence[str], as_json: bool, path: Path, same: Mapping[str, str]
) -> tuple[set[str], int]:
    """The paths of the rows that stay, and where these end."""
    lines = content.split(b"\n") if as_json else re.findall(rb"[^\n]*\n|[^\n]+$", content)
    rows = list(_of_json(lines, columns, path) if as_json else _of_csv(lines, columns, path))
    start = 0 if as_json or not lines or not lines[0].endswith(b"\n") else len(lines[0])  # behind the first line
    for row, _ in rows:
        for name, expected in same.items():
            if row[name] != expected:
                raise Refused(f"{path} has rows of {name} {row[name]}, this run's are of {expected}: name another file")
    last = rows[-1][0]["path"] if rows else None
    kept = [(row["path"], end) for row, end in rows if row["path"] != last]
    return {name for name, _ in kept}, kept[-1][1] if kept else start


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
