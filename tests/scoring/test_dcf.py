import numpy as np
import pytest

from voxdag.scoring.dcf import ADCFCosts, DetectionCosts, a_dcf, act_dcf, cllr, min_dcf

RNG = np.random.default_rng(5)
SHIFT = 2.0
# Log-likelihood ratios of two unit Gaussians whose means are SHIFT apart: N(+-SHIFT^2/2, SHIFT^2).
BONAFIDE, SPOOF = RNG.normal(SHIFT**2 / 2, SHIFT, 20_000), RNG.normal(-(SHIFT**2) / 2, SHIFT, 20_000)


def test_four_trials_by_hand():
    # Bona fide -1, 2 and spoof -2, 1. Cost (.95 FRR + .5 FAR)/.5 along the curve: 1, .5, 1.45, .95, 1.9.
    assert min_dcf([-1, 2], [-2, 1]) == (pytest.approx(0.5), -2)
    # At -ln 1.9 = -.64: bona fide -1 is missed, spoof 1 accepted: (.95 * .5 + .5 * .5)/.5.
    assert act_dcf([-1, 2], [-2, 1]) == pytest.approx(1.45)


def test_a_score_on_the_bayes_threshold_is_accepted():
    threshold = DetectionCosts().threshold
    assert threshold == pytest.approx(-np.log(1.9))
    assert act_dcf([threshold], [-5.0]) == 0
    assert act_dcf([5.0], [threshold]) == 1


def test_calibrated_scores_lose_little_at_the_bayes_threshold():
    # sd of either rate is below sqrt(.25/20,000) = .0035, the cost (1.9 FRR + FAR) moves by less than .01 in 1 sd.
    least, threshold = min_dcf(BONAFIDE, SPOOF)
    assert least <= act_dcf(BONAFIDE, SPOOF) <= least + 0.01
    assert threshold == pytest.approx(DetectionCosts().threshold, abs=0.4)


def test_shifted_scores_pay_at_the_bayes_threshold_alone():
    assert min_dcf(BONAFIDE + 3, SPOOF + 3)[0] == min_dcf(BONAFIDE, SPOOF)[0]
    assert act_dcf(BONAFIDE + 3, SPOOF + 3) > act_dcf(BONAFIDE, SPOOF) + 0.1
    assert cllr(BONAFIDE + 3, SPOOF + 3) > cllr(BONAFIDE, SPOOF) + 0.1


def test_cllr_of_no_information_is_one_bit():
    assert cllr([0, 0, 0], [0]) == pytest.approx(1, abs=1e-12)
    # By hand: log2(1 + e^-ln 3) = log2(4/3) for both classes.
    assert cllr([np.log(3)], [-np.log(3)]) == pytest.approx(np.log2(4 / 3), abs=1e-12)


def test_cllr_does_not_overflow():
    # A spoof scored +1000 costs 1000/ln 2 bits; exp(1000) is not a double.
    assert cllr([1000.0], [1000.0]) == pytest.approx(1000 / np.log(2) / 2)


def test_a_dcf_by_hand():
    # Costs (Pmiss + Pfa_nontarget + Pfa_spoof)/1, normalised by min(1, 2): sorted n1 s2 t3 n4 t5.
    equal = ADCFCosts(p_target=1, p_nontarget=1, p_spoof=1, c_miss=1, c_fa_nontarget=1, c_fa_spoof=1)
    # Points: 2, 1.5, .5 (after s2), 1, .5 (after n4; later), 1.
    assert a_dcf([3, 5], [1, 4], [2], equal) == (pytest.approx(0.5), 2)


def test_a_dcf_is_one_when_the_best_is_to_reject_or_accept_all():
    assert a_dcf([0, 1], [5, 6], [7, 8])[0] == pytest.approx(1)


@pytest.mark.parametrize("metric", [min_dcf, act_dcf, cllr])
def test_faulty_scores_are_refused(metric):
    with pytest.raises(ValueError, match="1 bona fide and 0 spoof"):
        metric([1.0], [])
    with pytest.raises(ValueError, match="1 of 2 bona fide scores are not finite: the first is inf at index 1"):
        metric([1.0, np.inf], [0.0])


def test_a_dcf_refuses_a_missing_class():
    with pytest.raises(ValueError, match="2 target and 0 nontarget and 1 spoof"):
        a_dcf([1, 2], [], [0])
