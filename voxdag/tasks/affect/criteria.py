"""What checkpoints of an affect regression are selected by on dev. Apart from the other metrics, so that those can
change without a network being trained again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring.concordance import ccc, rmse
from voxdag.tasks.affect.data import DIMENSIONS

HIGHER = frozenset({"ccc", *(f"ccc_{name}" for name in DIMENSIONS)})  # of which the higher value is the better
PREDICTED = tuple(f"predicted_{name}" for name in DIMENSIONS)  # the columns of what is predicted


def criteria(predictions: pd.DataFrame) -> dict[str, float]:
    """CCC (the mean over the two dimensions, the main one), that of each dimension, and RMSE over both.

    predictions: valence, arousal, predicted_valence, predicted_arousal, -1 to 1. Raises Refused for a column that is
    missing, or as `ccc` does.
    """
    target, predicted = pairs(predictions)
    by_dimension = ccc(target, predicted)
    named = {f"ccc_{name}": float(value) for name, value in zip(DIMENSIONS, by_dimension, strict=True)}
    return {"ccc": float(by_dimension.mean())} | named | {"rmse": float(rmse(target.ravel(), predicted.ravel()))}


def pairs(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions, (2, N) each. Raises Refused for a column that is missing."""
    missing = [name for name in (*DIMENSIONS, *PREDICTED) if name not in predictions]
    if missing:
        raise Refused(f"predictions have no column {', '.join(missing)}; they have {', '.join(predictions)}")
    return tuple(predictions[list(names)].to_numpy(float).T for names in (DIMENSIONS, PREDICTED))
