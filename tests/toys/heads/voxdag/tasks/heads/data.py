"""What a manifest of the task must hold, and its targets as tensors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

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


def targets(index: pd.DataFrame) -> dict[str, Tensor]:
    """label (n,) int64 and level (n,) float, 0 where unknown, and mask_label, mask_level (n,) bool."""
    known = {name: torch.tensor(index[name].notna().to_numpy(bool)) for name in ("label", "level")}
    label = index["label"].map({label: i for i, label in enumerate(LABELS)}).fillna(0).to_numpy(np.int64)
    level = index["level"].fillna(0).to_numpy(np.float32)
    masks = {f"mask_{name}": mask for name, mask in known.items()}
    return {"label": torch.tensor(label), "level": torch.tensor(level)} | masks
