"""Bona fide or spoof: the decision at a threshold that dev chose, and how often it errs on dev; and calibrated scores.

miss         bona fide speech that is called spoof
false alarm  a spoof that is called bona fide
llr          natural log-likelihood ratio of bona fide speech to spoofs: slope score + offset, fitted to dev by logistic
             regression at ASVspoof 5's effective prior (`voxdag.scoring.llr`)
p_bonafide   the probability of bona fide speech where a share `prior` of all recordings is that: by Bayes' rule
             1 / (1 + exp(-llr - log(prior / (1 - prior))))
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from voxdag.data.members import Member
from voxdag.scoring import dcf, llr
from voxdag.tasks.antispoof.criteria import operating_point
from voxdag.tasks.antispoof.metrics import CLASSES, ERROR_RATES, error_rates

THRESHOLD, PRIOR = "threshold", "prior"
LOG_SLOPE, OFFSET = "llr_log_slope", "llr_offset"  # the log, since six decimals of a small slope would be few digits
FITTED: Mapping[str, type] = {
    THRESHOLD: float,
    **dict.fromkeys(ERROR_RATES, float),
    **{f"n_{label}": int for label in CLASSES},
    LOG_SLOPE: float,
    OFFSET: float,
}
CALIBRATED = ("llr",)
DECIDED = ("decision", THRESHOLD, *(f"expected_{rate}" for rate in ERROR_RATES), "p_bonafide", PRIOR)


def fit(dev: pd.DataFrame) -> dict[str, float]:
    """Of one member's predictions on dev: the threshold of its EER, the error rates there, of how many trials, and the
    map to log-likelihood ratios."""
    threshold, one = operating_point(dev), Member()
    counts = {f"n_{label}": int((dev["label"] == label).sum()) for label in CLASSES}
    scores = (dev.loc[dev["label"] == label, "score"].to_numpy(float) for label in CLASSES)
    affine = llr.fit_affine(*scores, llr.effective_prior(dcf.ASVSPOOF5))  # type: ignore[call-arg]  # there are two
    calibration = {LOG_SLOPE: float(np.log(affine.slope)), OFFSET: affine.offset}
    return {THRESHOLD: threshold} | error_rates({one: dev}, {one: threshold}) | counts | calibration


def calibrated(outputs: pd.DataFrame, fitted: pd.Series) -> pd.DataFrame:
    """The outputs of one member with their log-likelihood ratios, the columns CALIBRATED. fitted: what `fit` gave."""
    affine = llr.Affine(float(np.exp(fitted[LOG_SLOPE])), float(fitted[OFFSET]))
    return outputs.assign(llr=affine(outputs["score"]))


def decide(outputs: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """Of the mean scores of members (one row per recording) the decision, the threshold, and the error rates that dev
    lets expect; of their mean `llr`, where outputs have it, the probability: the columns DECIDED.

    fitted: of each member what `fit` gave, and in a column `prior` the share of bona fide speech where it is not
    ASVspoof 5's, 0.95. The mean of scores is held against the mean of thresholds, so that it is the members' distances
    from their own thresholds that are averaged; error rates are the members' means.
    """
    threshold = fitted[THRESHOLD].mean()
    decision = np.where(outputs["score"] > threshold, "bonafide", "spoof")
    expected = {f"expected_{rate}": fitted[rate].mean() if rate in fitted else np.nan for rate in ERROR_RATES}
    decided = pd.DataFrame({"decision": decision, THRESHOLD: threshold, **expected}, index=outputs.index)
    if "llr" not in outputs:
        return decided.assign(p_bonafide=np.nan, prior=np.nan)
    prior = fitted[PRIOR].iloc[0] if PRIOR in fitted else 1 - dcf.ASVSPOOF5.p_spoof
    return decided.assign(p_bonafide=expit(outputs["llr"] + logit(prior)), prior=prior)
