"""Concordance, R2 and errors: worked by hand, by other formulas, and under resampling."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.scoring.concordance import bias, ccc, ceiling, r2, rmse

TARGET, PREDICTION = [1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 6.0]
ALL = (ccc, r2, rmse, bias)


def drawn(seed=0, n=50):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(2, n))
    return target, 0.6 * target + 0.3 * rng.normal(size=(2, n)) + 0.1


def test_by_hand():
    # means 2.5 and 3; var t = (2.25 + .25 + .25 + 2.25) / 4 = 1.25, var p = (1 + 1 + 1 + 9) / 4 = 3;
    # cov = ((-1.5)(-1) + (-.5)(-1) + (.5)(-1) + (1.5)(3)) / 4 = 6 / 4 = 1.5; CCC = 3 / (1.25 + 3 + .25) = 2/3.
    # Errors 1, 0, -1, 2: squares 6, RMSE sqrt(1.5), bias 1/2, R2 = 1 - 6 / 5.
    assert ccc(TARGET, PREDICTION) == pytest.approx(2 / 3)
    assert rmse(TARGET, PREDICTION) == pytest.approx(np.sqrt(1.5))
    assert bias(TARGET, PREDICTION) == pytest.approx(0.5)
    assert r2(TARGET, PREDICTION) == pytest.approx(-0.2)


def test_variances_are_over_n():
    # With n - 1 in all three the pair (0, 2), (0, 1) would have CCC 2 / (2 + .5 + .25) = .727; over n: 1 / 1.5
    assert ccc([0, 2], [0, 1]) == pytest.approx(2 / 3)


def test_a_perfect_prediction_its_opposite_and_the_mean():
    target = drawn()[0][0]
    assert (ccc(target, target), r2(target, target), rmse(target, target)) == pytest.approx((1, 1, 0))
    centred = target - target.mean()
    assert ccc(centred, -centred) == pytest.approx(-1)
    constant = np.full(target.size, target.mean())
    assert (ccc(target, constant), r2(target, constant)) == pytest.approx((0, 0), abs=1e-12)


def test_a_calibrated_prediction_has_the_ccc_that_its_r2_says():
    # p = E[t | x]: cov = var p, the same mean, R2 = var p / var t: CCC = 2 var p / (var t + var p) = 2 R2 / (1 + R2).
    # Made exact: the error is orthogonal to the prediction.
    rng = np.random.default_rng(0)
    prediction = rng.normal(size=100)
    centred, error = prediction - prediction.mean(), rng.normal(size=100)
    error -= error.mean()
    error -= centred * (error @ centred) / (centred @ centred)
    target = prediction + error
    explained = r2(target, prediction)
    assert ccc(target, prediction) == pytest.approx(2 * explained / (1 + explained))


@pytest.mark.parametrize("value", [0.1, 0.0, -3.0])
def test_what_is_constant_is_undefined_not_zero(value):
    constant, varied = np.full(7, value), np.arange(7.0)
    assert np.isnan(ccc(constant, constant)) and np.isnan(ccc(constant, constant + 0.1))
    assert np.isnan(r2(constant, varied))
    assert str(ccc(constant, varied)) == str(ccc(varied, constant)) == "0.0"  # neither a rounding error nor -0
    # the mean of seven times 0.1 is another number in its last place, and so is a variance
    counts = np.array([3, 1, 2, 0, 0, 0, 0])
    half = np.where(np.arange(7) < 3, value, 5.0)
    assert np.isnan(ccc(half, half, counts)) and np.isnan(r2(half, varied, counts))


def test_nothing_is_undefined():
    for metric in ALL:
        assert np.isnan(metric([], []))
        assert np.isnan(metric(TARGET, PREDICTION, np.zeros(4)))


def test_ccc_knows_neither_which_is_which_nor_the_unit():
    target, prediction = (values[0] for values in drawn())
    assert ccc(target, prediction) == pytest.approx(ccc(prediction, target))
    assert ccc(3 * target - 8, 3 * prediction - 8) == pytest.approx(ccc(target, prediction))
    assert abs(ccc(target, prediction)) < abs(np.corrcoef(target, prediction)[0, 1])  # Lin: |CCC| <= |r|


@pytest.mark.parametrize("metric", ALL)
def test_counts_are_repetitions_and_sets_are_scored_as_one_by_one(metric):
    target, prediction = drawn()
    counts = np.random.default_rng(1).integers(0, 3, (20, 1, 50))
    together = metric(target, prediction, counts)  # (20, 2)
    assert together.shape == (20, 2)
    for (one,), values in zip(counts, together, strict=True):
        repeated = [metric(*pair) for pair in zip(target.repeat(one, 1), prediction.repeat(one, 1), strict=True)]
        np.testing.assert_allclose(values, repeated, rtol=1e-10)


def test_the_ceiling_by_hand():
    # V = 1.25, E = (.1 + .2 + .3 + .4) / 4 = .25: 2 (1.25 - .25) / (2.5 - .25) = 8/9, reliability .8
    noise = [0.1, 0.2, 0.3, 0.4]
    assert ceiling(TARGET, noise) == pytest.approx(8 / 9) == pytest.approx(2 * 0.8 / 1.8)
    assert ceiling(TARGET, np.zeros(4)) == 1
    assert np.isnan(ceiling(TARGET, [0.1, np.nan, 0.3, 0.4]))
    assert ceiling(TARGET, [0.1, np.nan, 0.3, 0.4], [1, 0, 1, 1]) == pytest.approx(
        ceiling([1.0, 3.0, 4.0], [0.1, 0.3, 0.4])
    )
    assert np.isnan(ceiling(TARGET, np.full(4, 1.25)))  # all of the variance is the annotators'


def test_the_ceiling_is_what_the_true_mean_reaches():
    # 10 annotators with a standard deviation of .35 about means with one of .3. The sampling error of CCC near .94 at
    # n = 4,000 is about (1 - CCC^2) / sqrt(n) = .002
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 0.3, 4000)
    ratings = truth[:, None] + rng.normal(0, 0.35, (4000, 10))
    labels, noise = ratings.mean(1), ratings.var(1, ddof=1) / 10
    assert ceiling(labels, noise) == pytest.approx(ccc(labels, truth), abs=0.008)
    assert ceiling(labels, 2 * noise) < ceiling(labels, noise) - 0.02  # control


def test_faults_are_refused_with_their_numbers():
    for metric in ALL:
        with pytest.raises(Refused, match="4 targets, 3 predictions and 4 counts"):
            metric(TARGET, PREDICTION[:3])
        with pytest.raises(Refused, match="1 of 4 predictions are not finite"):
            metric(TARGET, [1, np.nan, 2, 3])
        with pytest.raises(Refused, match="2 of 4 targets are not finite"):
            metric([np.inf, np.nan, 2, 3], PREDICTION)
    with pytest.raises(Refused, match="4 targets, 4 predictions and 5 counts"):
        ccc(TARGET, PREDICTION, np.ones(5))
