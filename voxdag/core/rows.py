"""Rows as a command prints them: CSV, or JSON lines."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from typing import TextIO

import numpy as np

from voxdag.core.artifacts import DECIMALS


class Rows:
    """Writes rows as CSV or JSON lines; numbers with six decimals, what has no value as an empty cell, or null."""

    def __init__(self, file: TextIO, columns: Sequence[str], as_json: bool):
        self.file, self.columns, self.as_json = file, columns, as_json
        self._csv = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        if not as_json:
            self._csv.writeheader()

    def write(self, row: Mapping[str, object]) -> None:
        """Write a row; what it lacks has no value."""
        plain = {name: _plain(row.get(name)) for name in self.columns}
        if self.as_json:
            self.file.write(json.dumps(plain, ensure_ascii=False) + "\n")
        else:
            self._csv.writerow({name: value for name, value in plain.items() if value is not None})


def _plain(value: object) -> object:
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else None if value == "" else value
