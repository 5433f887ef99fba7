"""What checkpoints of an enhancer are selected by on dev. Apart from the other metrics, so that those can change
without a network being trained again."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

HIGHER = frozenset({"pesq", "stoi", "composite"})  # the criteria of which the higher value is the better
CONTAINS = {"pesq": ("pesq",), "stoi": ("stoi",), "composite": ("pesq", "stoi"), "loss": ()}  # criterion -> its metrics
COLUMNS = ("loss", "pesq", "stoi")
PESQ_RANGE = (1.0, 4.5)  # as 0..1


def criteria(measured: pd.DataFrame) -> dict[str, float]:
    """loss (of reconstruction alone), PESQ (wide band) and STOI, means over the utterances that define them, and

    composite = 0.5 (PESQ - 1) / 3.5 + 0.3 STOI - 0.2 loss

    measured: a row for each utterance of dev, columns COLUMNS, missing where undefined. What no utterance defines is
    NaN, and so is a composite that lacks a term: with one left out it would stand beside others on another scale.

    Source: the reference recipe (Fazazl2020/Trinet, train_improved.py), whose program has STOI every tenth epoch,
    counts it as 0 in between, and has the discriminator's part in the loss.
    """
    means = {name: float(measured[name].mean()) for name in COLUMNS}
    return means | {"composite": composite(**means)}


def composite(loss: float, pesq: float, stoi: float) -> float:
    """NaN where a term is."""
    low, high = PESQ_RANGE
    return 0.5 * (pesq - low) / (high - low) + 0.3 * stoi - 0.2 * loss


def metrics_of(chosen_by: Collection[str]) -> frozenset[str]:
    """The metrics that had a part in a choice by these criteria."""
    return frozenset(metric for criterion in chosen_by for metric in CONTAINS[criterion])
