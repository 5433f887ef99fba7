"""What checkpoints are selected by on dev: agreement of predictions with labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

HIGHER = frozenset({"ccc", "pearson"})


def ccc(target: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Concordance: 2 cov / (var + var + (difference of means)^2), variances over n (Lin, Biometrics 1989)."""
    mean = np.average([target, predicted], axis=1, weights=weights)
    cov = np.cov([target, predicted], ddof=0, fweights=weights)
    total = cov[0, 0] + cov[1, 1] + (mean[0] - mean[1]) ** 2
    return float(2 * cov[0, 1] / total) if total > 0 else float("nan")


def pearson(target: np.ndarray, predicted: np.ndarray) -> float:
    """The correlation; NaN where either is a constant."""
    if np.ptp(target) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(np.corrcoef(target, predicted)[0, 1])


def criteria(predictions: pd.DataFrame) -> dict[str, float]:
    """CCC and the correlation of `predicted` with `label`."""
    target, predicted = (predictions[name].to_numpy(float) for name in ("label", "predicted"))
    return {"ccc": ccc(target, predicted), "pearson": pearson(target, predicted)}
