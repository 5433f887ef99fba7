"""Calibration of scores: recovery, closed forms, what must not change, and classes without an overlap."""

import numpy as np
import pytest
from scipy.optimize import brute

from voxdag.core.errors import Refused
from voxdag.scoring.dcf import ASVSPOOF5, DetectionCosts, act_dcf, cllr, min_dcf
from voxdag.scoring.eer import eer
from voxdag.scoring.llr import Affine, effective_prior, fit_affine, fit_fusion, fit_steps, min_cllr

PRIOR = effective_prior(ASVSPOOF5)


def gaussians(n=40_000, d=2.0, seed=0):
    """Scores that are log-likelihood ratios: N(d^2 / 2, d^2) of bona fide speech, N(-d^2 / 2, d^2) of spoofs."""
    rng = np.random.default_rng(seed)
    return rng.normal(d**2 / 2, d, n), rng.normal(-(d**2) / 2, d, n)


def test_the_effective_prior_is_where_bayes_decides_as_at_the_costs():
    # .95 * 1 / (.95 * 1 + .05 * 10); minus its log odds is the threshold on ratios
    assert pytest.approx(0.95 / 1.45) == PRIOR
    assert ASVSPOOF5.threshold == pytest.approx(-np.log(PRIOR / (1 - PRIOR)))
    assert effective_prior(DetectionCosts(0.5, 1.0, 1.0)) == 0.5


@pytest.mark.parametrize("prior", [0.1, 0.5, PRIOR, 0.95])
def test_an_affine_distortion_of_ratios_is_undone(prior):
    # of 40,000 trials a class, an error of the offset of about 1 / sqrt(40000 * p (1 - p)) < .03
    bonafide, spoof = gaussians()
    found = fit_affine(3 * bonafide - 5, 3 * spoof - 5, prior)
    assert found.slope == pytest.approx(1 / 3, rel=0.03) and found.offset == pytest.approx(5 / 3, abs=0.08)


def test_the_eer_is_unchanged_and_the_costs_are_those_of_ratios():
    bonafide, spoof = gaussians(5000)
    told = [0.2 * scores + 7 for scores in (bonafide, spoof)]
    found = fit_affine(*told, PRIOR)
    made = [found(scores) for scores in told]
    assert eer(*made).eer == pytest.approx(eer(*told).eer, abs=1e-12)
    assert cllr(*told) > 2 > 0.6 > cllr(*made) and act_dcf(*told) == pytest.approx(1, abs=0.1)
    assert act_dcf(*made) - min_dcf(*made)[0] < 0.03
    assert found.threshold(ASVSPOOF5.threshold) == pytest.approx((ASVSPOOF5.threshold - found.offset) / found.slope)


def test_the_fit_is_at_the_minimum_of_the_cross_entropy_with_platts_targets():
    # n = 3 and 2: targets 4/5 and 1/4; searched by brute force
    bonafide, spoof, prior = np.array([0.5, 1.5, -0.2]), np.array([-1.0, 0.3]), 0.7
    found = fit_affine(bonafide, spoof, prior)

    def loss(parameters):
        slope, offset = parameters
        z = [slope * scores + offset + np.log(prior / (1 - prior)) for scores in (bonafide, spoof)]
        parts = [t * np.logaddexp(0, -v) + (1 - t) * np.logaddexp(0, v) for t, v in zip((4 / 5, 1 / 4), z, strict=True)]
        return prior * parts[0].mean() + (1 - prior) * parts[1].mean()

    best = brute(loss, [(-5, 5), (-5, 5)], Ns=60)
    assert [found.slope, found.offset] == pytest.approx(best.tolist(), abs=1e-3)
    assert loss((found.slope, found.offset)) <= loss(best) + 1e-12


@pytest.mark.parametrize("fit", [lambda b, s: fit_affine(b, s, PRIOR), fit_steps])
def test_classes_without_an_overlap_have_a_finite_map(fit):
    bonafide, spoof = np.array([2.0, 3.0, 5.0]), np.array([-1.0, 0.0])
    values = fit(bonafide, spoof)(np.array([-100.0, -1.0, 0.0, 2.0, 5.0, 100.0]))
    assert np.isfinite(values).all() and (np.diff(values) >= 0).all() and values[0] < 0 < values[-1]


@pytest.mark.parametrize("scores", [(-1.0, 1.0), (0.0, 0.0)])
def test_scores_that_say_the_opposite_or_nothing_say_nothing(scores):
    rng = np.random.default_rng(1)
    bonafide, spoof = (rng.normal(mean, 0.5, 200) for mean in scores)
    found = fit_affine(bonafide, spoof, 0.5) if scores[0] else fit_affine(np.zeros(9), np.zeros(9), 0.5)
    assert found.slope > 0 and cllr(found(bonafide), found(spoof)) == pytest.approx(1, abs=1e-3)


def test_fusion_weighs_two_systems_by_what_they_know():
    # of independent ratios the sum is the ratio of both; a third that knows nothing gets no weight
    first, second = gaussians(20_000, 1.5, 1), gaussians(20_000, 1.0, 2)
    noise = [np.random.default_rng(3 + k).normal(size=20_000) for k in range(2)]
    rows = [np.column_stack([2 * a, b + 1, c]) for a, b, c in zip(first, second, noise, strict=True)]
    weights, offset = fit_fusion(*rows, 0.5)
    assert weights == pytest.approx([0.5, 1, 0], abs=0.05) and offset == pytest.approx(-1, abs=0.05)
    alone = [fit_affine(a, b, 0.5) for a, b in (first, second)]
    fused = cllr(*(row @ weights + offset for row in rows))
    assert fused < min(cllr(one(a), one(b)) for one, (a, b) in zip(alone, (first, second), strict=True)) - 0.05


def test_steps_by_hand():
    # scores 0 s, 1 b, 2 s, 3 b; with one more of each class at either end: shares 1/2 (2 trials), 0, 1, 0, 1, 1/2 (2).
    # Pooled: (1/2, 0) = 1/3 of 3, (1, 0) = 1/2 of 2, (1, 1/2, 1/2) = 2/3 of 3. Classes are equal: ratios are log odds.
    found = fit_steps([1.0, 3.0], [0.0, 2.0])
    assert found.scores.tolist() == [0, 1, 3]
    assert found.values == pytest.approx([np.log(1 / 2), 0, np.log(2)])
    assert found(np.array([-9, 0.5, 1, 2.9, 3, 9])) == pytest.approx(np.log([1 / 2, 1 / 2, 1, 1, 2, 2]))
    assert [found.threshold(llr) for llr in (-1, -0.5, 0, 0.1, 0.6, 0.7)] == [-np.inf, 1, 1, 3, 3, np.inf]


def test_the_least_cllr_by_hand_and_that_no_rising_map_is_better():
    # scores 0 s, 1 b, 2 s, 3 b: pooled 0, (1, 0) = 1/2, 1. Bona fide speech costs 1 and 0 bits, spoofs 0 and 1: 1/2.
    assert min_cllr([1.0, 3.0], [0.0, 2.0]) == pytest.approx(0.5)
    assert min_cllr([1.0, 2.0], [-1.0]) == 0 and min_cllr([0.0, 0.0], [0.0]) == 1
    bonafide, spoof = gaussians(3000, 1.5)
    least = min_cllr(bonafide, spoof)
    assert least < cllr(bonafide, spoof) < least + 0.02
    fitted = (fit_affine(bonafide, spoof, 0.5), fit_steps(bonafide, spoof))
    for rising in (lambda s: 2 * s, lambda s: s - 1, np.arctan, *fitted):
        assert least <= cllr(rising(bonafide), rising(spoof)) + 1e-12
    for rising in (np.exp, np.arctan, lambda s: 3 * s - 8):
        assert min_cllr(rising(bonafide), rising(spoof)) == pytest.approx(least, abs=1e-12)


def test_ties_are_not_cut_in_two():
    # one score for all but one trial: (1 b, 1 s) pooled 1/2, then 1 b
    assert min_cllr([0.0, 1.0], [0.0]) == pytest.approx((np.log2(1 + 2 / 1) * 0.5 + np.log2(1 + 1 / 2)) / 2)


@pytest.mark.parametrize("prior", [0.0, 1.0, np.nan])
def test_a_prior_that_is_none_is_refused(prior):
    with pytest.raises(Refused, match="a prior of .*, expected between 0 and 1"):
        fit_affine([1.0], [0.0], prior)


def test_an_empty_class_is_refused():
    for fit in (lambda b, s: fit_affine(b, s, 0.5), fit_steps, min_cllr):
        with pytest.raises(Refused, match="found 0 bona fide and 1 spoof"):
            fit([], [1.0])


def test_an_affine_map_is_its_formula():
    assert Affine(2.0, -1.0)(np.array([0.0, 3.0])).tolist() == [-1, 5] and Affine(2.0, -1.0).threshold(5) == 3
