"""What a manifest of the task must hold."""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused

LABELS = ("low", "high")
COLUMNS = {**dict.fromkeys(("id", "path", "split", "speaker", "label"), str), "level": float}


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All utterances. Raises Refused for one that has neither target."""
    for split, utterances in splits.items():
        neither = utterances["id"][utterances[["label", "level"]].isna().all(axis=1)]
        if len(neither):
            raise Refused(f"{len(neither)} utterances of {split} have no target, such as {neither.iloc[0]}")
    return splits
