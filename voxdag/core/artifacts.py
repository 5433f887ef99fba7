"""Tables, JSON and other files that stages write: whole, sorted, rounded, atomic; equal content is equal bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voxdag.core.errors import NotHere, Refused
from voxdag.core.files import write_bytes as write_bytes

DECIMALS = 6  # finer digits differ between machines and would make every `dvc metrics diff` noisy

REST = "*"  # ends a key of a schema: "p_*" is every column whose name begins with p_, "*" every other

TYPES = {int: "a whole number", float: "a number"}  # of columns that are not text

Columns = Mapping[str, type]  # a table's schema: column, or prefix and REST -> str, int or float


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys and floats rounded to `DECIMALS`; an undefined number (NaN) becomes null."""
    text = json.dumps(_plain(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))  # a file name that is not UTF-8: \udcff


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises NotHere with the stage that writes it, as `read_table` does."""
    return json.loads(_existing(path).read_text(encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV without the index, floats rounded to `DECIMALS`, an undefined value as an empty cell."""
    rounded = table.round({name: DECIMALS for name in table.select_dtypes("floating").columns})
    text = rounded.to_csv(index=False, lineterminator="\n")
    write_bytes(path, text.encode(errors="surrogateescape"))  # file names that are not UTF-8, as their own bytes


def read_table(path: Path, columns: Columns) -> pd.DataFrame:
    """Read a CSV by its schema. What the schema does not name is text: codec "001" stays "001".

    columns: a name goes before a prefix, a longer prefix before a shorter one. They say types, not which columns must
    be there: one that the table lacks is no error here, but where it is needed.

    An empty cell is missing, the text "NA" is not. Whole numbers are int64, or Int64 where some are missing.

    Raises NotHere, or Refused, with file, line and column, for a value that is not of its type; and for what is no
    table.
    """
    try:
        table = pd.read_csv(
            _existing(path), dtype=str, keep_default_na=False, na_values=[""], encoding_errors="surrogateescape"
        )
    except Refused:
        raise
    except ValueError as reason:  # of pandas: no line, a line of another length
        raise Refused(f"{path} is no table: {str(reason).strip()}, expected CSV") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the columns too many for an index
        raise Refused(f"{path} is no table: its rows have more columns than its first line")
    return pd.DataFrame({name: _typed(texts, column_type(name, columns), path) for name, texts in table.items()})


def column_type(name: str, columns: Columns) -> type:
    """The type of a column under a schema."""
    if name in columns:
        return columns[name]
    prefixes = [key for key in columns if key.endswith(REST) and name.startswith(key.removesuffix(REST))]
    return columns[max(prefixes, key=len)] if prefixes else str


def _typed(texts: pd.Series, kind: type, path: Path) -> pd.Series:
    if kind is str:
        return texts
    values = [_parsed(text, kind, f"{path}, line {i + 2}, column {texts.name}") for i, text in enumerate(texts)]
    if kind is float:
        return pd.Series(values, dtype=float, index=texts.index)
    return pd.Series(values, dtype="Int64" if None in values else "int64", index=texts.index)


def _parsed(text: object, kind: type, where: str) -> int | float | None:
    if pd.isna(text):
        return None
    try:
        return kind(text)
    except ValueError:
        raise Refused(f"{where}: {text!r} is not {TYPES[kind]}") from None


def _existing(path: Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise NotHere(f"{path} is not here: `dvc repro` writes it (`dvc stage list` shows which stage)")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value
