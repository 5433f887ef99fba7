"""What checkpoints of a countermeasure are selected by on dev. Apart from the other metrics, so that those can change
without a network being trained again."""

import logging
import math

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring import tdcf
from voxdag.scoring.eer import det_curve, eer

log = logging.getLogger(__name__)


def criteria(predictions: pd.DataFrame, asv: pd.DataFrame | None) -> dict[str, float | None]:
    """EER and min t-DCF (legacy2019), lower is better; the first is the main one.

    predictions: label, score.  asv: key (target, nontarget, spoof), score, of the same split. The t-DCF is None where
    dev defines none (no ASV scores, an ASV system that accepts no spoof) and NaN where these scores have none (fewer
    than 3 distinct ones, as of a network that gives all the same).
    """
    bonafide, spoof = _scores(predictions, "label", "bonafide"), _scores(predictions, "label", "spoof")
    return {"eer": eer(bonafide, spoof).eer, "min_tdcf": _min_tdcf(bonafide, spoof, asv)}


def operating_point(predictions: pd.DataFrame) -> float:
    """The EER threshold: scores above it are accepted as bona fide."""
    return eer(_scores(predictions, "label", "bonafide"), _scores(predictions, "label", "spoof")).threshold


def _min_tdcf(bonafide: np.ndarray, spoof: np.ndarray, asv: pd.DataFrame | None) -> float | None:
    weights = _tandem_weights(asv) if asv is not None and len(asv) else None
    if weights is None:
        return None
    curve = det_curve(bonafide, spoof)
    try:
        tdcf.check_distinct(curve.thresholds[1:])
    except Refused as reason:
        log.warning("no t-DCF on dev: %s", reason)
        return math.nan
    return tdcf.min_cost(curve, weights)[0]


def _tandem_weights(asv: pd.DataFrame) -> tdcf.TandemWeights | None:
    try:
        rates = tdcf.asv_rates(*(_scores(asv, "key", key) for key in ("target", "nontarget", "spoof")))
        return tdcf.tandem_weights(rates, "legacy2019")
    except Refused as reason:
        log.warning("dev defines no t-DCF: %s", reason)
        return None


def _scores(table: pd.DataFrame, column: str, value: str) -> np.ndarray:
    return table.loc[table[column] == value, "score"].to_numpy(float)
