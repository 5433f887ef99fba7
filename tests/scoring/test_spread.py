"""How metrics spread over seeds: values by hand, and how often the interval holds what it should."""

import numpy as np
import pytest

from voxdag.scoring.spread import CONFIDENCE, Spread, interval, over_seeds

THREE = Spread(n=3, mean=0.2, sd=0.03, low=0.17, high=0.23)


def test_mean_sd_and_ends_by_hand():
    # 0.1, 0.2, 0.6: mean 0.3; deviations -0.2, -0.1, 0.3, squares 0.04 + 0.01 + 0.09 = 0.14, by n - 1 = 2: 0.07
    found = over_seeds([{"eer": 0.1}, {"eer": 0.6}, {"eer": 0.2}])
    assert found == {
        "eer": {"n": 3, "mean": pytest.approx(0.3), "sd": pytest.approx(0.07**0.5), "low": 0.1, "high": 0.6}
    }


def test_what_is_undefined_or_a_spread_itself_has_none():
    assert over_seeds(
        [{"eer": 0.1, "auc": None, "uar": 0.5, "eer_sd": 0.1}, {"eer": 0.2, "auc": 0.5, "eer_sd": 0.2}]
    ).keys() == {"eer"}


@pytest.mark.parametrize("headlines", [[], [{"eer": 0.1}]])
def test_fewer_than_two_seeds_have_no_spread(headlines):
    assert over_seeds(headlines) == {}


def test_the_interval_by_hand():
    # t of 2 degrees of freedom at 0.995 is 9.9248 (any table); half = 9.9248 * 0.03 * sqrt(1/3 + 1/3) = 0.2431
    assert interval(THREE, 3) == pytest.approx((0.2 - 0.2431, 0.2 + 0.2431), abs=1e-4)
    # one new seed: sqrt(1/3 + 1)
    assert interval(THREE, 1) == pytest.approx((0.2 - 0.3438, 0.2 + 0.3438), abs=1e-4)


def test_more_seeds_on_either_side_narrow_it():
    def width(n, seeds):
        low, high = interval(THREE | {"n": n}, seeds)
        return high - low

    assert width(3, 1) > width(3, 3) > width(3, 10)
    assert width(2, 3) > width(3, 3) > width(10, 3)


def test_it_is_no_narrower_than_what_was_seen():
    skewed = Spread(n=40, mean=0.2, sd=0.01, low=0.1, high=0.25)
    assert interval(skewed, 40) == (0.1, 0.25)
    constant = Spread(n=3, mean=1.0, sd=0.0, low=1.0, high=1.0)
    assert interval(constant, 3) == (1.0, 1.0)


@pytest.mark.parametrize(("n", "seeds"), [(2, 2), (3, 3), (5, 1)])
def test_it_holds_another_run_as_often_as_it_says(n, seeds):
    # Of normal values the prediction interval is exact, but for the floor, which only widens it. 4000 runs:
    # the sampling sd of the share is sqrt(0.99 * 0.01 / 4000) = 0.0016; five of them.
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(4000):
        [spread] = over_seeds([{"eer": value} for value in rng.normal(0.2, 0.03, n)]).values()
        low, high = interval(spread, seeds)
        held += low <= rng.normal(0.2, 0.03, seeds).mean() <= high
    assert held / 4000 == pytest.approx(CONFIDENCE, abs=0.008)
