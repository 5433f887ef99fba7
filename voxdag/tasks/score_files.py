"""Score files hold one line an utterance: of a table of several members there is a file for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from voxdag.scoring import members


def by_member(path: Path, predictions: pd.DataFrame) -> Iterator[tuple[Path, pd.DataFrame]]:
    """Where the rows of each member go: to `path` if it is the only one, otherwise to a file beside it with the
    member's name: eval.scores.txt, or eval_seed-1.scores.txt and eval_seed-2.scores.txt.

    Raises Refused as `members.split` does.
    """
    path, rows = Path(path), members.split(predictions)
    stem, _, suffixes = path.name.partition(".")
    for member, of_member in rows.items():
        yield path if len(rows) == 1 else path.with_name(f"{stem}_{member.name}.{suffixes}"), of_member
