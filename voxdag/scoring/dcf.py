"""Detection costs of ASVspoof 5: minDCF, actDCF, Cllr, and the architecture-agnostic a-DCF.

Sources: ASVspoof 5 evaluation plan and its evaluation package (priors, costs, ties); Brummer and du Preez, Computer
Speech and Language 20 (2006) for Cllr; Shim et al., Odyssey 2024, for a-DCF.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from voxdag.scoring.eer import FIRST_THRESHOLD_STEP, DetCurve, cheapest, checked, det_curve


@dataclass(frozen=True)
class DetectionCosts:
    """Prior of spoofed speech and costs of the two errors: ASVspoof 5, track 1."""

    p_spoof: float = 0.05
    c_miss: float = 1.0
    c_fa: float = 10.0

    @property
    def default(self) -> float:
        """Cost of the better of accept-all and reject-all, by which costs are normalised."""
        return min(self.c_miss * (1 - self.p_spoof), self.c_fa * self.p_spoof)

    @property
    def threshold(self) -> float:
        """The Bayes threshold on log-likelihood ratios: -ln(c_miss (1 - p_spoof) / (c_fa p_spoof))."""
        return float(-np.log(self.c_miss * (1 - self.p_spoof) / (self.c_fa * self.p_spoof)))

    def along(self, curve: DetCurve) -> np.ndarray:
        """Normalised cost at every point of a curve."""
        cost = self.c_miss * curve.frr * (1 - self.p_spoof) + self.c_fa * curve.far * self.p_spoof
        return cost / self.default


ASVSPOOF5 = DetectionCosts()


def min_dcf(bonafide: ArrayLike, spoof: ArrayLike, costs: DetectionCosts = ASVSPOOF5) -> tuple[float, float]:
    """Minimum normalised detection cost, and its threshold.

    Raises Refused for an empty class or a score that is not finite.
    """
    curve = det_curve(bonafide, spoof)
    return cheapest(costs.along(curve), curve.thresholds)


def act_dcf(bonafide: ArrayLike, spoof: ArrayLike, costs: DetectionCosts = ASVSPOOF5) -> float:
    """Normalised detection cost of scores taken as log-likelihood ratios, at the Bayes threshold (accept: score >= it).

    Raises Refused for an empty class or a score that is not finite.
    """
    return cost_at(det_curve(bonafide, spoof), costs)


def cost_at(curve: DetCurve, costs: DetectionCosts, threshold: float | None = None) -> float:
    """Normalised cost of rejecting every score below a threshold; None: the Bayes threshold, of scores that are
    log-likelihood ratios."""
    threshold = costs.threshold if threshold is None else threshold
    rejected = np.searchsorted(curve.thresholds[1:], threshold, side="left")
    point = DetCurve(*(column[rejected] for column in curve))
    return float(costs.along(point))


def cllr(bonafide: ArrayLike, spoof: ArrayLike) -> float:
    """Cost of log-likelihood ratios, in bits: (mean log2(1 + e^-bonafide) + mean log2(1 + e^spoof)) / 2.

    Raises Refused for an empty class or a score that is not finite.
    """
    bonafide, spoof = checked({"bona fide": bonafide, "spoof": spoof})
    return float((np.mean(surprise(bonafide)) + np.mean(surprise(-spoof))) / 2)


def surprise(llr: np.ndarray) -> np.ndarray:
    """log2(1 + e^-llr): the bits that a trial of the favoured class costs."""
    return np.logaddexp(0, -llr) / np.log(2)


@dataclass(frozen=True)
class ADCFCosts:
    """Priors and costs of a spoofing-robust speaker verifier: ASVspoof 5, track 2."""

    p_target: float = 0.9405
    p_nontarget: float = 0.0095
    p_spoof: float = 0.05
    c_miss: float = 1.0
    c_fa_nontarget: float = 10.0
    c_fa_spoof: float = 10.0


ASVSPOOF5_A_DCF = ADCFCosts()
PACKAGE_A_DCF = ADCFCosts(p_target=0.9, p_nontarget=0.05, p_spoof=0.05, c_fa_spoof=20.0)  # default of the a_DCF package


class TandemCurve(NamedTuple):
    """Rates of a speaker verifier at N + 1 points: targets missed, nontargets and spoofs accepted."""

    pmiss: np.ndarray
    pfa_nontarget: np.ndarray
    pfa_spoof: np.ndarray
    thresholds: np.ndarray


def tandem_curve(target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike) -> TandemCurve:
    """Point k rejects the k lowest scores; inside a tie targets come first, then nontargets.

    Raises Refused for an empty class or a score that is not finite.
    """
    classes = checked({"target": target, "nontarget": nontarget, "spoof": spoof})
    scores = np.concatenate(classes)
    order = np.argsort(scores, kind="stable")
    labels = np.repeat(np.arange(3), [len(members) for members in classes])[order]
    rejected = [np.concatenate([[0], np.cumsum(labels == label)]) for label in range(3)]  # 3 x (N + 1,)
    pmiss, nontargets, spoofs = (count / count[-1] for count in rejected)
    thresholds = np.concatenate([[scores[order[0]] - FIRST_THRESHOLD_STEP], scores[order]])
    return TandemCurve(pmiss, 1 - nontargets, 1 - spoofs, thresholds)


def a_dcf(
    target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike, costs: ADCFCosts = ASVSPOOF5_A_DCF
) -> tuple[float, float]:
    """Minimum normalised cost of one score that must reject nontargets and spoofs, and its threshold.

    Raises Refused for an empty class or a score that is not finite.
    """
    curve = tandem_curve(target, nontarget, spoof)
    miss = costs.c_miss * costs.p_target
    nontarget_fa, spoof_fa = costs.c_fa_nontarget * costs.p_nontarget, costs.c_fa_spoof * costs.p_spoof
    cost = miss * curve.pmiss + nontarget_fa * curve.pfa_nontarget + spoof_fa * curve.pfa_spoof
    return cheapest(cost / min(miss, nontarget_fa + spoof_fa), curve.thresholds)
