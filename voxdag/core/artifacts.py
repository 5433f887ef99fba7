"""Tables, JSON and other files that stages write: whole, sorted, rounded, atomic; equal content is equal bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voxdag.core.errors import NotHere
from voxdag.core.files import write_bytes as write_bytes

DECIMALS = 6  # finer digits differ between machines and would make every `dvc metrics diff` noisy

TEXT_COLUMNS = (
    *("id", "path", "split", "fold", "folds", "speaker", "label", "predicted", "key", "audio", "crc32", "reason"),
    *("attack", "sex", "intensity", "sentence", "value", "column"),
)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys and floats rounded to `DECIMALS`; an undefined number (NaN) becomes null."""
    text = json.dumps(_plain(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises NotHere with the stage that writes it, as `read_table` does."""
    return json.loads(_existing(path).read_text(encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV without the index, floats rounded to `DECIMALS`, an undefined value as an empty cell."""
    rounded = table.round({name: DECIMALS for name in table.select_dtypes("floating").columns})
    write_bytes(path, rounded.to_csv(index=False, lineterminator="\n").encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV. Names stay text even when they look like numbers; an empty cell is missing, the text "NA" is not."""
    return pd.read_csv(
        _existing(path), dtype=dict.fromkeys(TEXT_COLUMNS, str), keep_default_na=False, na_values=[""], low_memory=False
    )


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
