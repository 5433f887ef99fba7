"""What a manifest of the task must hold, and what a recording is described by."""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.tasks import labels

TASK = "the generator"
LABELS = ("soft", "loud")
COLUMNS = dict.fromkeys(("id", "path", "split", "speaker", "label"), str)
RATE = 8000  # Hz
DESCRIPTOR = ("level", "crossings")  # log10 of the root mean square; sign changes per ms


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All utterances. Raises Refused as `check_manifest` does, or for a split without both kinds."""
    labels.check_manifest(splits, tuple(COLUMNS), LABELS, TASK)
    for split, utterances in splits.items():
        if set(utterances["label"]) != set(LABELS):
            raise Refused(f"{split} has {', '.join(sorted(set(utterances['label'])))}, expected {', '.join(LABELS)}")
    return splits
