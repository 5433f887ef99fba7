"""What checkpoints of an emotion recogniser are selected by on dev. Apart from the other metrics, so that those can
change without a network being trained again."""

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring import calibration, classification

HIGHER = frozenset({"uar"})  # the criteria of which the higher value is the better


def criteria(predictions: pd.DataFrame) -> dict[str, float]:
    """UAR (fraction, higher is better) and NLL of the uncalibrated probabilities (nats); the first is the main one.

    predictions: label, predicted, and logit_<class> for each class that the network can choose. UAR is the mean over
    the classes that have an utterance.

    Raises Refused if there is no utterance, a label is none of the classes, or a logit is not finite.
    """
    classes = class_names(predictions)
    labels = classification.indices(predictions["label"], classes)
    return {
        "uar": classification.report(predictions["label"], predictions["predicted"], classes).uar,
        "loss": calibration.nll(logits(predictions), labels),
    }


def class_names(predictions: pd.DataFrame) -> tuple[str, ...]:
    """The classes that the network can choose, by their columns logit_<class>. Raises Refused if there is none."""
    classes = tuple(name.removeprefix("logit_") for name in predictions if name.startswith("logit_"))
    if not classes:
        raise Refused(f"predictions have no column logit_<class>; they have {', '.join(predictions)}")
    return classes


def logits(predictions: pd.DataFrame) -> np.ndarray:
    """The uncalibrated logits (N, K)."""
    return predictions[[f"logit_{name}" for name in class_names(predictions)]].to_numpy(float)


def temperature(predictions: pd.DataFrame) -> float:
    """The temperature that makes the logits' probabilities of the labels likeliest."""
    labels = classification.indices(predictions["label"], class_names(predictions))
    return calibration.fit_temperature(logits(predictions), labels)
