"""What decisions need of dev: fitted by evaluate for each member, used wherever that member's weights score a file.

The table has a row for each member: its fold and seed, `weights`, the hash of the weights file that was scored,
`settings`, that of the inference settings it was scored with, and what the task's decision module fitted. A row holds
for these weights under these settings alone, so it is found by them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import columns
from voxdag.data.members import Member

WEIGHTS, SETTINGS = "weights", "settings"
OF_ANY_SIZE = ("threshold", "llr_log_slope", "llr_offset")  # of what is fitted; the others are rates, or counts
DIGITS = 12  # hexadecimal


def row(decision: ModuleType, member: Member, weights: str, inference: Mapping, dev: pd.DataFrame) -> pd.DataFrame:
    """A member's row. dev: its predictions there, as they are written; weights: the hash of its file."""
    found = {WEIGHTS: weights, SETTINGS: settings_hash(inference)} | decision.fit(dev)
    return member.mark(pd.DataFrame([found]))


def read(path: Path, decision: ModuleType) -> pd.DataFrame:
    """The table. Raises NotHere, or Refused for a value that is not of its type or a column that is not there."""
    table = artifacts.read_table(path, {**columns.MEMBER, **decision.FITTED})
    expected = [WEIGHTS, SETTINGS, *(name for name in decision.FITTED if not name.endswith(artifacts.REST))]
    lacking = [name for name in expected if name not in table]
    if lacking:
        raise Refused(f"{path} has no column {lacking[0]}: expected {', '.join(expected)}, as evaluate writes them")
    if table.duplicated([WEIGHTS, SETTINGS]).any():
        raise Refused(f"{path} has two rows of the same weights under the same settings, expected one")
    for name in (name for name, kind in decision.FITTED.items() if kind is float and name in table):
        number = name in OF_ANY_SIZE
        valid = np.isfinite(table[name]) if number else table[name].isna() | table[name].between(0, 1)
        if not valid.all():
            sound = "a finite number" if number else "a rate from 0 to 1"
            raise Refused(f"{path} has the {name} {table[name][~valid].iloc[0]}, expected {sound}")
    return table


def of_weights(table: pd.DataFrame, weights: Iterable[str], inference: Mapping) -> pd.DataFrame | None:
    """The rows of these weights (hashes) under these settings; None where one of them has none."""
    under = table[table[SETTINGS] == settings_hash(inference)]
    weights = list(weights)
    found = under[under[WEIGHTS].isin(weights)]
    return found if set(weights) <= set(found[WEIGHTS]) else None


def settings_hash(inference: Mapping) -> str:
    """The first digits of the SHA-256 of a system's section `inference`."""
    return hashlib.sha256(json.dumps(inference, sort_keys=True).encode()).hexdigest()[:DIGITS]
