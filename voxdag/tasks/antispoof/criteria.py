"""What checkpoints of a countermeasure are selected by on dev. Apart from the other metrics, so that those can change
without a network being trained again."""

import logging

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring import tdcf
from voxdag.scoring.eer import eer

log = logging.getLogger(__name__)


def criteria(predictions: pd.DataFrame, asv: pd.DataFrame | None) -> dict[str, float | None]:
    """EER and min t-DCF (legacy2019), lower is better; the first is the main one.

    predictions: label, score.  asv: key (target, nontarget, spoof), score, of the same split. A t-DCF that is undefined
    (no ASV scores, or fewer than 3 distinct scores) is None.
    """
    bonafide, spoof = _scores(predictions, "label", "bonafide"), _scores(predictions, "label", "spoof")
    return {"eer": eer(bonafide, spoof).eer, "min_tdcf": _min_tdcf(bonafide, spoof, asv)}


def operating_point(predictions: pd.DataFrame) -> float:
    """The EER threshold: scores above it are accepted as bona fide."""
    return eer(_scores(predictions, "label", "bonafide"), _scores(predictions, "label", "spoof")).threshold


def _min_tdcf(bonafide: np.ndarray, spoof: np.ndarray, asv: pd.DataFrame | None) -> float | None:
    if asv is None or asv.empty:
        return None
    try:
        rates = tdcf.asv_rates(*(_scores(asv, "key", key) for key in ("target", "nontarget", "spoof")))
        return tdcf.min_tdcf(bonafide, spoof, rates, "legacy2019")[0]
    except Refused as reason:  # a network that gives all one score, an ASV system that accepts no spoof
        log.warning("no t-DCF on dev: %s", reason)
        return None


def _scores(table: pd.DataFrame, column: str, value: str) -> np.ndarray:
    return table.loc[table[column] == value, "score"].to_numpy(float)
