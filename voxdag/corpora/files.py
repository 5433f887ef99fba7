"""The files of recordings that have several: which are on disk, and which are no audio yet.

A table of recordings has for each file a column with its path and one with its size: path and bytes, and <name> and
<name>_bytes of each other file, as in clean and clean_bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from voxdag.corpora import listing
from voxdag.data.columns import SIZE


def sizes(columns: Iterable[str]) -> dict[str, str]:
    """Column of a file's path -> column of its size (bytes, missing where the file is absent)."""
    others = {name.removesuffix(SIZE): name for name in columns if name.endswith(SIZE)}
    return {"path": "bytes", **others}


def absent(trials: pd.DataFrame) -> pd.Series:
    """Of each recording the path of its first file that is not on disk, and none where all are."""
    found = pd.Series(None, index=trials.index, dtype=object)
    for path, size in reversed(sizes(trials).items()):
        found = found.mask(trials[size].isna(), trials[path])
    return found


def pointers(folder: Path, trials: pd.DataFrame) -> list[str]:
    """The paths, from `folder`, of all files that are pointers of Git LFS."""
    tables = (pd.DataFrame({"path": trials[path], "bytes": trials[size]}) for path, size in sizes(trials).items())
    return [path for table in tables for path in listing.pointers(folder, table)]
