"""What a manifest of the anti-spoofing task must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.tasks import labels

TASK = "anti-spoofing"  # in messages
LABELS = ("spoof", "bonafide")  # a network's output for a label is its place here
COLUMNS = dict.fromkeys(("id", "path", "split", "speaker", "label", "attack"), str)


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The utterances of each split that the task can use: all of them.

    Raises Refused for a missing column, another label, an id listed twice (in two splits: where there are no folds), or
    a split that lacks a class.
    """
    labels.check_manifest(splits, tuple(COLUMNS), LABELS, TASK)
    if not any(folds.COLUMN in utterances for utterances in splits.values()):
        labels.refuse_repeated(pd.concat([utterances["id"] for utterances in splits.values()]), "over all splits")
    for split, utterances in splits.items():
        bonafide, spoof = ((utterances["label"] == label).sum() for label in ("bonafide", "spoof"))
        if not bonafide or not spoof:
            raise Refused(f"the {split} split has {bonafide} bona fide and {spoof} spoof utterances")
    return splits


def targets(names: pd.Series) -> np.ndarray:
    """(n,) int64: 0 for spoof, 1 for bona fide."""
    return labels.targets(names, LABELS)
