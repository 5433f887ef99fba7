"""Minimum tandem detection cost (min t-DCF) of a countermeasure before a fixed speaker verifier (ASV), in both forms.

    legacy2019     (C1 Pmiss + C2 Pfa) / min(C1, C2)
                   C1 = Ptar (Cmiss - Cmiss Pmiss_asv) - Pnon Cfa Pfa_asv      C2 = Pspoof Cfa_spoof Pfa_spoof_asv
    revised2021    (C0 + C1 Pmiss + C2 Pfa) / (C0 + min(C1, C2))
                   C0 = Ptar Cmiss Pmiss_asv + Pnon Cfa Pfa_asv      C1 = Ptar Cmiss - C0      C2 as above

The two are never comparable: the revised form does not fall below C0 / (C0 + min(C1, C2)), which a perfect
countermeasure reaches. Sources: ASVspoof 2019 evaluation plan and Kinnunen et al., Odyssey 2018 (legacy);
Kinnunen et al., TASLP 28 (2020), and the ASVspoof 2021 evaluation package (revised).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.scoring.eer import DetCurve, cheapest, checked, det_curve, eer

Form = Literal["legacy2019", "revised2021"]
MIN_DISTINCT_SCORES = 3  # fewer are decisions, not scores: the challenge programs refuse them


class ASVRates(NamedTuple):
    """Error rates of the ASV system at one threshold: targets missed, nontargets and spoofs accepted."""

    pfa: float
    pmiss: float
    pfa_spoof: float
    threshold: float


@dataclass(frozen=True)
class TandemCosts:
    """Priors and costs of the ASVspoof 2019 and 2021 evaluation plans.

    The legacy form charges `c_miss` for misses of the ASV and of the countermeasure alike, `c_fa` for nontargets that
    the ASV accepts (Cfa_asv) and `c_fa_spoof` for spoofs that the countermeasure passes (Cfa_cm).
    """

    p_target: float = 0.9405
    p_nontarget: float = 0.0095
    p_spoof: float = 0.05
    c_miss: float = 1.0
    c_fa: float = 10.0
    c_fa_spoof: float = 10.0


ASVSPOOF2019 = TandemCosts()


class TandemWeights(NamedTuple):
    """The cost as a function of the countermeasure's rates: (constant + miss Pmiss + false_alarm Pfa) / default."""

    constant: float
    miss: float
    false_alarm: float
    default: float


def asv_rates(target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike) -> ASVRates:
    """Error rates of an ASV system at its own EER threshold (target against nontarget); it accepts score >= threshold.

    Raises Refused if a class has no score, or a score is not finite.
    """
    target, nontarget, spoof = checked({"target": target, "nontarget": nontarget, "spoof": spoof})
    threshold = eer(target, nontarget).threshold
    return ASVRates(
        pfa=float(np.mean(nontarget >= threshold)),
        pmiss=float(np.mean(target < threshold)),
        pfa_spoof=float(np.mean(spoof >= threshold)),
        threshold=threshold,
    )


def legacy2019(asv: ASVRates, costs: TandemCosts) -> TandemWeights:
    """Weights of the form of ASVspoof 2019."""
    miss = costs.p_target * (costs.c_miss - costs.c_miss * asv.pmiss) - costs.p_nontarget * costs.c_fa * asv.pfa
    false_alarm = costs.p_spoof * costs.c_fa_spoof * asv.pfa_spoof
    return TandemWeights(0.0, miss, false_alarm, min(miss, false_alarm))


def revised2021(asv: ASVRates, costs: TandemCosts) -> TandemWeights:
    """Weights of the form of ASVspoof 2021."""
    constant = costs.p_target * costs.c_miss * asv.pmiss + costs.p_nontarget * costs.c_fa * asv.pfa
    miss = costs.p_target * costs.c_miss - constant
    false_alarm = costs.p_spoof * costs.c_fa_spoof * asv.pfa_spoof
    return TandemWeights(constant, miss, false_alarm, constant + min(miss, false_alarm))


FORMS: dict[Form, Callable[..., TandemWeights]] = {"legacy2019": legacy2019, "revised2021": revised2021}


def tandem_weights(asv: ASVRates, form: Form, costs: TandemCosts = ASVSPOOF2019) -> TandemWeights:
    """Weights of the t-DCF that a given ASV system implies.

    Raises Refused for an unknown form, or for an ASV system so bad that a weight is negative or there is nothing to
    normalise by (an ASV that accepts no spoof has no legacy t-DCF).
    """
    if form not in FORMS:
        raise Refused(f"unknown t-DCF form {form!r}: expected one of {', '.join(FORMS)}")
    weights = FORMS[form](asv, costs)
    if weights.miss < 0 or weights.default <= 0:
        raise Refused(
            f"the {form} t-DCF is not defined for an ASV system that misses {100 * asv.pmiss:.3g} % of targets, and "
            f"accepts {100 * asv.pfa:.3g} % of nontargets and {100 * asv.pfa_spoof:.3g} % of spoofs"
        )
    return weights


def min_cost(curve: DetCurve, weights: TandemWeights) -> tuple[float, float]:
    """Minimum normalised t-DCF along a curve, and its threshold."""
    cost = (weights.constant + weights.miss * curve.frr + weights.false_alarm * curve.far) / weights.default
    return cheapest(cost, curve.thresholds)


def check_distinct(scores: np.ndarray) -> None:
    """Raise Refused if there are fewer than 3 distinct scores."""
    distinct = np.unique(scores)
    if distinct.size < MIN_DISTINCT_SCORES:
        raise Refused(
            f"t-DCF needs scores, not decisions: {scores.size} trials have {distinct.size} distinct scores "
            f"({', '.join(map(str, distinct))}), expected at least {MIN_DISTINCT_SCORES}"
        )


def min_tdcf(
    bonafide: ArrayLike, spoof: ArrayLike, asv: ASVRates, form: Form, costs: TandemCosts = ASVSPOOF2019
) -> tuple[float, float]:
    """Minimum normalised t-DCF and the countermeasure's threshold that reaches it.

    Raises Refused for an empty class, a score that is not finite, fewer than 3 distinct scores, or as
    `tandem_weights` does.
    """
    curve = det_curve(bonafide, spoof)
    check_distinct(curve.thresholds[1:])
    return min_cost(curve, tandem_weights(asv, form, costs))
