"""Decisions of an emotion recogniser as text: `id label predicted`, one utterance a line, sorted by fold and id.

Columns 1 and 3 are a prediction file of SUPERB's emotion task, columns 1 and 2 its truth file (`<id> <emotion>`;
github.com/s3prl/s3prl, commit 06b27af, s3prl/downstream/emotion/expert.py), so `cut -d' ' -f1,3` gives the former.
"""

from pathlib import Path

import pandas as pd

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.tasks import score_files

COLUMNS = ["id", "label", "predicted"]


def write(path: Path, predictions: pd.DataFrame) -> None:
    """Write predictions (columns id, label, predicted, and fold and seed where there are several).

    Decisions of all folds are comparable and stand in one file. Of several seeds there is a file each, as
    `score_files.by_member` names them.

    Raises Refused for a space in a name.
    """
    for column in COLUMNS:
        broken = predictions.loc[predictions[column].astype(str).str.contains(r"\s"), column]
        if len(broken):
            raise Refused(f"{column} {broken.iloc[0]!r} has a space in it, which separates the columns of {path}")
    order = [column for column in ("fold", "id") if column in predictions]
    ordered = predictions.sort_values(order).drop(columns="fold", errors="ignore")
    for place, rows in score_files.by_member(path, ordered):
        lines = (" ".join(map(str, row)) + "\n" for row in rows[COLUMNS].itertuples(index=False))
        artifacts.write_bytes(place, "".join(lines).encode())
