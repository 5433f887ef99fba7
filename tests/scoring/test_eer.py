import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from voxdag.scoring.eer import RankedTrials, auc, det_curve, eer, roc

RNG = np.random.default_rng(7)
BONAFIDE, SPOOF = RNG.normal(2, 1, 300), RNG.normal(0, 1, 700)


def test_curve_of_four_trials_by_hand():
    # Sorted: spoof 1, bona fide 2, spoof 3, bona fide 4. Rejecting one after the other moves FAR, FRR, FAR, FRR.
    curve = det_curve(bonafide=[4, 2], spoof=[3, 1])
    assert curve.frr.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.far.tolist() == [1, 0.5, 0.5, 0, 0]
    assert curve.thresholds.tolist() == [0.999, 1, 2, 3, 4]
    assert eer([4, 2], [3, 1]) == (0.5, 2)


def test_of_two_nearest_points_the_first_counts():
    # Sorted: spoof 1, bona fide 2, spoof 3. (FRR, FAR) = (0, .5) and (1, .5) are as near; the mean of the first is .25.
    assert eer([2], [1, 3]) == (0.25, 1)


def test_inside_a_tie_bona_fide_speech_is_rejected_first():
    # All four at once: after two rejections both rates are 1, and that is where they are nearest.
    assert det_curve([5, 5], [5, 5]).frr.tolist() == [0, 0.5, 1, 1, 1]
    assert eer([5, 5], [5, 5]).eer == 1


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 3.0])
def test_two_gaussians_reach_their_closed_forms(distance):
    # Unit variances, means d apart: EER = Phi(-d/2), AUC = Phi(d/sqrt 2). At n = 40,000 a class the sampling sd of the
    # EER is below sqrt(.25/40,000) = .0025, that of the AUC below .002; 4 sd allowed.
    rng = np.random.default_rng(1)
    bonafide, spoof = rng.normal(distance, 1, 40_000), rng.normal(0, 1, 40_000)
    assert eer(bonafide, spoof).eer == pytest.approx(ndtr(-distance / 2), abs=0.01)
    assert eer(bonafide, spoof).threshold == pytest.approx(distance / 2, abs=0.05)
    assert auc(bonafide, spoof) == pytest.approx(ndtr(distance / np.sqrt(2)), abs=0.008)


@pytest.mark.parametrize("increasing", [np.exp, np.arctan, lambda s: 3 * s - 8])
def test_only_the_order_of_scores_matters(increasing):
    assert eer(increasing(BONAFIDE), increasing(SPOOF)).eer == eer(BONAFIDE, SPOOF).eer
    assert auc(increasing(BONAFIDE), increasing(SPOOF)) == auc(BONAFIDE, SPOOF)


def test_the_order_of_trials_does_not_matter():
    assert eer(RNG.permutation(BONAFIDE), RNG.permutation(SPOOF)) == eer(BONAFIDE, SPOOF)


def test_every_trial_twice_is_the_same_set():
    # The doubled curve passes through every old point and adds midpoints between them, which can only be nearer.
    doubled = eer(np.repeat(BONAFIDE, 2), np.repeat(SPOOF, 2))
    assert doubled.eer == pytest.approx(eer(BONAFIDE, SPOOF).eer, abs=1 / 300)
    assert auc(np.repeat(BONAFIDE, 2), np.repeat(SPOOF, 2)) == pytest.approx(auc(BONAFIDE, SPOOF), abs=1e-12)


def test_inverted_scores_stay_inverted():
    assert eer(-BONAFIDE, -SPOOF).eer == pytest.approx(1 - eer(BONAFIDE, SPOOF).eer, abs=1 / 300)
    assert auc(-BONAFIDE, -SPOOF) == pytest.approx(1 - auc(BONAFIDE, SPOOF), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_auc_counts_pairs_and_ties_by_half(bonafide, spoof):
    pairs = np.subtract.outer(bonafide, spoof)
    assert auc(bonafide, spoof) == pytest.approx(np.mean((pairs > 0) + (pairs == 0) / 2), abs=1e-12)


def test_roc_has_one_point_per_distinct_score():
    far, detection = roc([1, 2, 2], [0, 2])
    assert far.tolist() == [1, 0.5, 0.5, 0]  # accept all; reject 0; reject 0, 1; reject all
    assert detection == pytest.approx([1, 1, 2 / 3, 0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_resampled_curve_is_the_curve_of_the_resampled_scores(seed):
    rng = np.random.default_rng(seed)
    bonafide, spoof = rng.integers(0, 9, 20) / 2, rng.integers(-4, 5, 30) / 2  # heavy ties
    counts = rng.integers(0, 4, 50)
    counts[[0, -1]] += 1
    resampled = RankedTrials(bonafide, spoof).curve(counts)
    for found, expected in zip(
        resampled, det_curve(np.repeat(bonafide, counts[:20]), np.repeat(spoof, counts[20:])), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_missing_class_is_refused_not_scored_as_zero():
    with pytest.raises(ValueError, match="2 bona fide and 0 spoof"):
        eer(bonafide=[1, 2], spoof=[])
    with pytest.raises(ValueError, match="0 bona fide and 1 spoof"):
        auc(bonafide=[], spoof=[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=f"1 of 3 spoof scores are not finite: the first is {bad} at index 1"):
        eer([1, 2], [0, bad, 3])


def test_a_matrix_is_refused():
    with pytest.raises(ValueError, match=r"spoof scores must be a vector, not of shape \(1, 2\)"):
        eer([1, 2], [[0, 3]])


def test_the_area_of_inverted_scores_is_nought_without_a_sign():
    assert str(auc([0.0, 1.0], [2.0, 3.0])) == "0.0" and auc([2.0, 3.0], [0.0, 1.0]) == 1
