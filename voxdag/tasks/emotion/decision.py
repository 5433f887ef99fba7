"""An emotion: the likeliest class, and how often a recording of dev that was called so was another."""

from collections.abc import Mapping

import pandas as pd

from voxdag.tasks.emotion.data import LABELS

FITTED: Mapping[str, type] = {
    **{f"error_{label}": float for label in LABELS},
    **{f"n_{label}": int for label in LABELS},
}
DECIDED = ("decision", "expected_error_rate")


def fit(dev: pd.DataFrame) -> dict[str, float]:
    """Of one member's predictions on dev: for each class, how many recordings were called so (n_<class>), and the share
    of them that are of another (error_<class>; NaN where none was)."""
    wrong = dev["predicted"] != dev["label"]
    called = {label: dev["predicted"] == label for label in LABELS}
    errors = {f"error_{label}": float(wrong[rows].mean()) for label, rows in called.items()}
    return errors | {f"n_{label}": int(rows.sum()) for label, rows in called.items()}


def decide(outputs: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """Of the predictions of members, averaged (one row per recording): the class, and the share of errors that dev lets
    expect of this class, the mean over the members that called a recording of dev so: the columns DECIDED."""
    expected = fitted[[f"error_{label}" for label in LABELS]].mean()
    errors = outputs["predicted"].map({label: expected[f"error_{label}"] for label in LABELS})
    return pd.DataFrame({"decision": outputs["predicted"], "expected_error_rate": errors.astype(float)})
