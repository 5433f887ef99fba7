"""Bona fide or spoof: the decision at a threshold that dev chose, and how often it errs on dev.

miss         bona fide speech that is called spoof
false alarm  a spoof that is called bona fide
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from voxdag.data.members import Member
from voxdag.tasks.antispoof.criteria import operating_point
from voxdag.tasks.antispoof.metrics import CLASSES, ERROR_RATES, error_rates

FITTED: Mapping[str, type] = {
    "threshold": float,
    **dict.fromkeys(ERROR_RATES, float),
    **{f"n_{label}": int for label in CLASSES},
}
DECIDED = ("decision", "threshold", *(f"expected_{rate}" for rate in ERROR_RATES))
THRESHOLD = "threshold"


def fit(dev: pd.DataFrame) -> dict[str, float]:
    """Of one member's predictions on dev: the threshold of its EER, the error rates there, and of how many trials."""
    threshold, one = operating_point(dev), Member()
    counts = {f"n_{label}": int((dev["label"] == label).sum()) for label in CLASSES}
    return {THRESHOLD: threshold} | error_rates({one: dev}, {one: threshold}) | counts


def decide(outputs: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """Of the mean scores of members (one row per recording) the decision, the threshold, and the error rates that dev
    lets expect: the columns DECIDED.

    fitted: of each member what `fit` gave. The mean of scores is held against the mean of thresholds, so that it is the
    members' distances from their own thresholds that are averaged; error rates are the members' means.
    """
    threshold = fitted[THRESHOLD].mean()
    decision = np.where(outputs["score"] > threshold, "bonafide", "spoof")
    expected = {f"expected_{rate}": fitted[rate].mean() if rate in fitted else np.nan for rate in ERROR_RATES}
    return pd.DataFrame({"decision": decision, THRESHOLD: threshold, **expected}, index=outputs.index)
