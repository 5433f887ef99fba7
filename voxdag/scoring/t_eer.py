"""Concurrent tandem equal error rate (t-EER) of a countermeasure (CM) before a speaker verifier (ASV).

Source: Kinnunen et al., "t-EER: Parameter-Free Tandem Evaluation of Countermeasures and Biometric Comparators",
TPAMI 46 (2024), and the ASVspoof 5 evaluation package.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from voxdag.scoring.dcf import TandemCurve, tandem_curve
from voxdag.scoring.eer import DetCurve, checked, det_curve


class TandemScores(NamedTuple):
    """One system's scores of target, nontarget and spoofed trials; higher = accept."""

    target: ArrayLike
    nontarget: ArrayLike
    spoof: ArrayLike


class TEER(NamedTuple):
    """Concurrent t-EER (fraction) and the scores of the last trials that the ASV and the CM reject there."""

    t_eer: float
    asv_threshold: float
    cm_threshold: float


def t_eer(asv: TandemScores, cm: TandemScores) -> TEER:
    """The error rate at which misses, accepted nontargets and accepted spoofs of the tandem are all equal.

    With a = Pmiss of the CM, the tandem misses a + (1 - a) Pmiss_asv and accepts (1 - a) Pfa_asv of the nontargets. For
    every ASV threshold with Pmiss_asv < Pfa_asv the CM threshold that balances the two is known in closed form, as the
    balance is linear in a. On that path (spoof prevalence 0, as in the ASVspoof 5 package) the concurrent point is the
    first where Pfa_asv / Pfa_spoof_asv is nearest to Pfa / (1 - Pmiss) of the CM; its t-EER is Pfa_spoof_asv x Pfa.
    O(N log N); the package's search over all pairs of thresholds finds the same point.

    Raises Refused for an empty class or a score that is not finite.
    """
    asv_curve = tandem_curve(*asv)
    target, nontarget, spoof = checked(cm._asdict())
    cm_curve = det_curve(np.concatenate([target, nontarget]), spoof)
    points = _balancing_points(cm_curve, asv_curve)  # (N + 1,)
    allowed = np.flatnonzero(asv_curve.pmiss < asv_curve.pfa_nontarget)
    best = allowed[np.argmin(_disagreement(cm_curve, asv_curve, points)[allowed])]  # accept-all is always allowed
    return TEER(
        float(asv_curve.pfa_spoof[best] * cm_curve.far[points[best]]),
        float(asv_curve.thresholds[best]),
        float(cm_curve.thresholds[points[best]]),
    )


def _balancing_points(cm: DetCurve, asv: TandemCurve) -> np.ndarray:
    """For every ASV point, the first CM point at which tandem misses and accepted nontargets are nearest."""
    misses, first = np.unique(cm.frr, return_index=True)  # (n_bonafide + 1,): where the k-th miss is made
    n_bonafide = misses.size - 1
    excess = asv.pfa_nontarget - asv.pmiss
    balance = np.clip(excess, 0, None) / (1 + np.clip(excess, 0, None))  # CM miss rate of exact balance
    below = np.floor(balance * n_bonafide).astype(int)
    above = np.minimum(below + 1, n_bonafide)
    nearer_above = _imbalance(misses[above], excess) < _imbalance(misses[below], excess)
    return first[np.where(nearer_above, above, below)]


def _imbalance(miss: np.ndarray, excess: np.ndarray) -> np.ndarray:
    return np.abs(miss - (1 - miss) * excess)


def _disagreement(cm: DetCurve, asv: TandemCurve, points: np.ndarray) -> np.ndarray:
    """How far apart nontargets and spoofs are accepted at every point of the path; infinite where no spoof passes."""
    of_cm = cm.far[points] / (1 - cm.frr[points])
    of_asv = np.divide(asv.pfa_nontarget, asv.pfa_spoof, out=np.full(points.size, np.inf), where=asv.pfa_spoof > 0)
    return np.abs(of_asv - of_cm)
