"""What a manifest of the anti-spoofing task must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused

LABELS = ("spoof", "bonafide")  # a network's output column for a label is its place here
COLUMNS = ("id", "path", "split", "speaker", "label", "attack")


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The utterances of each split that the task can use: all of them. Raises Refused as `check` does."""
    check(pd.concat(splits.values()))
    return splits


def check(trials: pd.DataFrame) -> None:
    """Raises Refused for a missing column, another label, a repeated id, or a split that lacks a class."""
    missing = [name for name in COLUMNS if name not in trials]
    if missing:
        raise Refused(f"the manifest lacks {', '.join(missing)}; anti-spoofing needs {', '.join(COLUMNS)}")
    other = sorted(set(trials["label"]) - set(LABELS))
    if other:
        raise Refused(f"labels {other} are not anti-spoofing labels, which are {', '.join(LABELS)}")
    repeated = trials["id"][trials["id"].duplicated()]
    if len(repeated):
        raise Refused(f"{len(repeated)} ids are listed twice, such as {repeated.iloc[0]}")
    counts = pd.crosstab(trials["split"], trials["label"]).reindex(columns=list(LABELS), fill_value=0)
    for split, row in counts.iterrows():
        if (row == 0).any():
            raise Refused(f"the {split} split has {row['bonafide']} bona fide and {row['spoof']} spoof utterances")


def targets(labels: pd.Series) -> np.ndarray:
    """(n,) int64: 0 for spoof, 1 for bona fide."""
    return labels.map({label: i for i, label in enumerate(LABELS)}).to_numpy(np.int64)
