import numpy as np
import pytest

from voxdag.scoring.eer import EER, eer
from voxdag.scoring.tdcf import FORMS, ASVRates, asv_rates, min_tdcf, tandem_weights

RNG = np.random.default_rng(3)
BONAFIDE, SPOOF = RNG.normal(2, 1, 200), RNG.normal(0, 1, 500)
# ASV of the ASVspoof 2019 LA evaluation set: counts of errors among 5,370, 33,327 and 63,882 trials.
LA_EVAL = ASVRates(pfa=820 / 33327, pmiss=132 / 5370, pfa_spoof=48592 / 63882, threshold=-5.680051)


def test_weights_of_the_2019_la_evaluation():
    # Published C1 and C2 of the legacy form, and C0 of the revised one, for these ASV scores.
    legacy, revised = (tandem_weights(LA_EVAL, form) for form in FORMS)
    assert (legacy.miss, legacy.false_alarm) == pytest.approx((0.9150441201, 0.3803262265), abs=2e-6)
    assert (revised.constant, revised.miss) == pytest.approx((0.0254558799, 0.9150441201), abs=2e-6)


def test_a_perfect_countermeasure_reaches_the_floor_of_each_form():
    assert min_tdcf([5, 6, 7], [1, 2, 3], LA_EVAL, "legacy2019") == (0, 3)
    floor = 0.0254558799 / (0.0254558799 + 0.3803262265)
    assert min_tdcf([5, 6, 7], [1, 2, 3], LA_EVAL, "revised2021")[0] == pytest.approx(floor, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_useless_countermeasure_costs_no_more_than_none(form):
    assert min_tdcf(-BONAFIDE, -SPOOF, LA_EVAL, form)[0] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("increasing", [np.exp, np.arctan, lambda s: 3 * s - 8])
def test_only_the_order_of_scores_matters(form, increasing):
    value, threshold = min_tdcf(BONAFIDE, SPOOF, LA_EVAL, form)
    assert min_tdcf(increasing(BONAFIDE), increasing(SPOOF), LA_EVAL, form) == (value, increasing(threshold))


@pytest.mark.parametrize("form", FORMS)
def test_every_trial_twice_costs_the_same(form):
    # A linear cost is least at a corner of the curve, and doubling adds no corner.
    doubled = min_tdcf(np.repeat(BONAFIDE, 2), np.repeat(SPOOF, 2), LA_EVAL, form)
    assert doubled == pytest.approx(min_tdcf(BONAFIDE, SPOOF, LA_EVAL, form), abs=1e-12)


def test_asv_rates_are_read_at_its_own_equal_error_threshold():
    # Sorted: n1 t2 n3 t4: both rates are 1/2 after rejecting n1, t2. Threshold 2 accepts t2, n3, t4 and the spoof at 2.
    assert eer([2, 4], [1, 3]) == EER(0.5, 2)
    assert asv_rates([2, 4], [1, 3], [0, 2, 9]) == ASVRates(pfa=0.5, pmiss=0, pfa_spoof=2 / 3, threshold=2)


@pytest.mark.parametrize(("spoof", "distinct"), [([0, 0], r"2 distinct scores \(0.0, 1.0\)"), ([1], "1 distinct")])
def test_decisions_are_refused(spoof, distinct):
    with pytest.raises(ValueError, match=distinct):
        min_tdcf([1, 1], spoof, LA_EVAL, "legacy2019")


def test_faulty_scores_are_refused():
    with pytest.raises(ValueError, match="3 bona fide and 0 spoof"):
        min_tdcf([1, 2, 3], [], LA_EVAL, "legacy2019")
    with pytest.raises(ValueError, match="1 of 3 bona fide scores are not finite: the first is nan at index 2"):
        min_tdcf([1, 2, np.nan], [0], LA_EVAL, "revised2021")
    with pytest.raises(ValueError, match="2 target and 1 nontarget and 0 spoof"):
        asv_rates([1, 2], [0], [])


def test_an_unknown_form_is_refused_with_the_valid_ones():
    with pytest.raises(ValueError, match="'2021': expected one of legacy2019, revised2021"):
        min_tdcf(BONAFIDE, SPOOF, LA_EVAL, "2021")


def test_an_asv_system_without_a_tandem_cost_is_refused():
    with pytest.raises(ValueError, match=r"legacy2019 t-DCF is not defined for an ASV system .* and 0 % of spoofs"):
        min_tdcf(BONAFIDE, SPOOF, LA_EVAL._replace(pfa_spoof=0.0), "legacy2019")
    with pytest.raises(ValueError, match=r"revised2021 t-DCF is not defined for an ASV system that misses 99 %"):
        min_tdcf(BONAFIDE, SPOOF, LA_EVAL._replace(pmiss=0.99, pfa=0.99), "revised2021")
