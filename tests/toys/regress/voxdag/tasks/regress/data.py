"""What a manifest of the task must hold: labels are numbers."""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused

COLUMNS = {**dict.fromkeys(("id", "path", "split", "speaker"), str), "label": float}


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All utterances. Raises Refused for one without a label."""
    for split, utterances in splits.items():
        unlabelled = utterances["id"][utterances["label"].isna()]
        if len(unlabelled):
            raise Refused(f"{len(unlabelled)} utterances of {split} have no label, such as {unlabelled.iloc[0]}")
    return splits
