"""What a table must have before it is drawn."""

from collections.abc import Iterable

import pandas as pd

from voxdag.core.errors import Refused


def columns(name: str, table: pd.DataFrame, needed: Iterable[str]) -> None:
    """Raise Refused if the table called `name` lacks one of the columns `needed`."""
    expected = list(needed)
    missing = [column for column in expected if column not in table]
    if missing:
        raise Refused(f"{name} lacks columns {missing}: expected {expected}, found {list(table)}")


def rows(name: str, table: pd.DataFrame, needed: Iterable[str]) -> None:
    """Raise Refused if the table called `name` has no row, or lacks one of the columns `needed`."""
    expected = list(needed)
    columns(name, table, expected)
    if table.empty:
        raise Refused(f"{name} has no rows: expected at least one with {expected}")
