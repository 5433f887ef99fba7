"""What checkpoints are selected by on dev."""

from __future__ import annotations

import pandas as pd

HIGHER = frozenset({"accuracy"})


def criteria(predictions: pd.DataFrame) -> dict[str, float | None]:
    """Accuracy of the label (fraction) and mean absolute error of the level, over the utterances that have them."""
    labelled, levelled = (predictions[predictions[name].notna()] for name in ("label", "level"))
    accuracy = (labelled["label"] == labelled["predicted"]).mean() if len(labelled) else None
    error = (levelled["level"] - levelled["predicted_level"]).abs().mean() if len(levelled) else None
    return {"accuracy": accuracy, "mae": error}
