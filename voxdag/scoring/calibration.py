"""Calibration of the probabilities of K classes: expected calibration error, reliability, temperature, NLL.

Probabilities are calibrated when, of the utterances given confidence c (the largest probability), a fraction c is
classified correctly. Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks",
ICML 2017, equations 2-5 (reliability, ECE) and 9 (temperature).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from voxdag.core.errors import Refused

BINS = 15  # as in Guo et al.
TEMPERATURES = (0.05, 20.0)  # searched; at the ends a logit gap of 1 gives odds of e^20 and of e^0.05
SUM_TOLERANCE = 1e-3  # of probabilities: they are written with six decimals

Spacing = Literal["width", "mass"]


def nll(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log-likelihood in nats, -mean log softmax(logits)[label].

    logits: (N, K).  labels: class indices (N,).

    Raises Refused for no utterance, a logit that is not finite, or a label outside 0..K-1.
    """
    logits, labels = _checked(logits, labels, "logits")
    return float(-log_softmax(logits, axis=1)[np.arange(labels.size), labels].mean())


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T within `TEMPERATURES` with the least NLL of softmax(logits / T), equation 9.

    The NLL is convex in 1/T and so has one minimum in log T too, where it is searched. When every logit of the right
    class is its utterance's largest the NLL falls as T falls, and T is the lower bound; when the logits mislead it is
    the upper one: a result at a bound says that the data do not determine T. Where no T is better than another it is 1.

    Raises Refused as `nll` does.
    """
    logits, labels = _checked(logits, labels, "logits")
    found = minimize_scalar(
        lambda log_t: nll(logits / np.exp(log_t), labels),
        bounds=np.log(TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    candidates = (1.0, float(np.exp(found.x)), *TEMPERATURES)  # the search itself never reaches a bound
    return min(candidates, key=lambda temperature: nll(logits / temperature, labels))


def reliability(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS, spacing: Spacing = "width"
) -> pd.DataFrame:
    """Accuracy against confidence, one bin a row: low, high (low < confidence <= high), n, confidence, accuracy.

    probabilities: (N, K).  labels: class indices (N,). Bins are of equal width, or with spacing "mass" of equal numbers
    of utterances (fewer bins where confidences tie). The means of an empty bin are missing.

    Raises Refused for no utterance, rows that are not probabilities, a label outside 0..K-1, no bin or an unknown
    spacing.
    """
    probabilities, labels = _checked(probabilities, labels, "probabilities")
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    edges = _edges(confidence, bins, spacing)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, edges.size - 2)
    sums = (np.bincount(place, weights, minlength=edges.size - 1) for weights in (None, confidence, correct))
    n, confidence_sum, correct_sum = sums
    known = np.where(n > 0, n, np.nan)
    means = {"confidence": confidence_sum / known, "accuracy": correct_sum / known}
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": n, **means})


def ece(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS, spacing: Spacing = "width") -> float:
    """Expected calibration error of the top label (fraction): sum of n/N |accuracy - confidence| over bins, equation 5.

    It depends on the bins and is biased upwards for small N. Arguments and Raises as of `reliability`.
    """
    return error(reliability(probabilities, labels, bins, spacing))


def error(table: pd.DataFrame) -> float:
    """The expected calibration error of a `reliability` table."""
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["n"]).sum() / table["n"].sum())


def _edges(confidence: NDArray[np.float64], bins: int, spacing: str) -> NDArray[np.float64]:
    spacings = {"width": lambda shares: shares, "mass": lambda shares: np.quantile(confidence, shares)}
    if bins < 1 or spacing not in spacings:
        raise Refused(f"{bins} bins of equal {spacing}: expected at least 1, of equal {' or '.join(spacings)}")
    edges = np.unique(spacings[spacing](np.linspace(0, 1, bins + 1)))
    return edges if edges.size > 1 else np.array([0.0, 1.0])  # one confidence for all


def _checked(values: ArrayLike, labels: ArrayLike, what: str) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    values, labels = np.asarray(values, dtype=float), np.asarray(labels)
    if values.ndim != 2 or labels.shape != values.shape[:1] or not values.size:
        raise Refused(f"{what} {values.shape} and labels {labels.shape}: expected (N, K) and (N,), N > 0")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= values.shape[1]:
        raise Refused(
            f"labels from {labels.min()} to {labels.max()}: expected class indices 0 to {values.shape[1] - 1}"
        )
    broken = ~np.isfinite(values).all(axis=1)
    if what == "probabilities":
        broken |= (values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > SUM_TOLERANCE)
    if broken.any():
        row = int(broken.argmax())
        raise Refused(f"{broken.sum()} of {len(values)} rows are not {what}: row {row} is {values[row].tolist()}")
    return values, labels.astype(np.intp)
