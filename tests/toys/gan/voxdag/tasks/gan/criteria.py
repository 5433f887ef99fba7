"""What checkpoints are selected by on dev: how far what is made lies from what is real."""

from __future__ import annotations

import numpy as np
import pandas as pd


def gap(predictions: pd.DataFrame, counts: np.ndarray | None = None) -> float:
    """The distance between the mean real and the mean made descriptor, mean over the kinds."""
    weights = np.ones(len(predictions)) if counts is None else counts
    distances = []
    for kind in sorted(predictions["label"].unique()):
        rows = (predictions["label"] == kind).to_numpy()
        if weights[rows].sum():
            means = {
                name: np.average(predictions.loc[rows, [f"{name}_level", f"{name}_crossings"]], 0, weights[rows])
                for name in ("real", "made")
            }
            distances.append(np.linalg.norm(means["real"] - means["made"]))
    return float(np.mean(distances))


def criteria(predictions: pd.DataFrame) -> dict[str, float]:
    """The gap."""
    return {"gap": gap(predictions)}
