"""What a manifest of the task must hold: a noisy and a clean file of each utterance."""

from __future__ import annotations

import pandas as pd

from voxdag.core.errors import Refused

COLUMNS = dict.fromkeys(("id", "path", "clean_path", "split", "speaker", "snr"), str)
TRACKS = {"noisy": "path", "clean": "clean_path"}


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """All utterances. Raises Refused for a missing column."""
    for split, utterances in splits.items():
        missing = [name for name in COLUMNS if name not in utterances]
        if missing:
            raise Refused(f"the manifest lacks {', '.join(missing)} in {split}")
    return splits
