"""Rows as a command prints them, as it has them: CSV, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

import numpy as np

from voxdag.core.artifacts import DECIMALS


class Rows:
    """Writes rows as CSV or JSON lines; numbers with six decimals, what has no value as an empty cell, or null.

    go_on: whether the file has rows already, and so its first line.
    """

    def __init__(self, file: TextIO, columns: Sequence[str], as_json: bool, go_on: bool = False):
        self.file, self.columns, self.as_json = file, columns, as_json
        if not as_json and not go_on:
            self.file.write(_csv_line(columns))

    def write(self, row: Mapping[str, object]) -> None:
        """Write a row, and hand it on at once; what it lacks has no value."""
        plain = {name: _plain(row.get(name)) for name in self.columns}
        line = json.dumps(plain, ensure_ascii=False) + "\n" if self.as_json else _csv_line(plain.values())
        self.file.write(line)
        self.file.flush()


def _csv_line(values: Iterable[object]) -> str:
    """Quoted where it holds a comma, a quote or a line break, also a lone carriage return, which csv quotes only where
    lines end in one."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow("" if value is None else value for value in values)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _plain(value: object) -> object:
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else None if value == "" else value
