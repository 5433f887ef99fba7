import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from voxdag.figures.curves import clip_rates, equal_error_rate, error_curve, probit, thin, trials

# Two targets (1, 3) and two non-targets (0, 2): rejecting 0, 1, 2, 3 in turn.
MISS, FALSE_ALARM, THRESHOLDS = [0, 0, 0.5, 0.5, 1], [1, 0.5, 0.5, 0, 0], [-0.001, 0, 1, 2, 3]


def gaussian_rates(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact rates of two unit Gaussians two standard deviations apart, at n thresholds."""
    thresholds = np.linspace(-4, 6, n)
    return ndtr(thresholds - 2), 1 - ndtr(thresholds), thresholds


def test_rates_of_zero_and_one_are_half_a_trial_away_from_infinity():
    assert clip_rates([0, 0.5, 1], n=10).tolist() == [0.05, 0.5, 0.95]
    assert probit([0, 1], n=10).tolist() == [ndtri(0.05), ndtri(0.95)]


def test_probit_columns_invert_to_the_rates():
    curve = error_curve(*gaussian_rates(300), counts=(10**6, 10**6))
    inside = curve["miss"].between(1e-6, 1 - 1e-6) & curve["false_alarm"].between(1e-6, 1 - 1e-6)
    assert inside.sum() > 200
    np.testing.assert_allclose(ndtr(curve["miss_probit"])[inside], curve["miss"][inside], rtol=1e-9)
    np.testing.assert_allclose(ndtr(curve["false_alarm_probit"])[inside], curve["false_alarm"][inside], rtol=1e-9)


def test_two_gaussians_are_a_straight_line_of_slope_minus_one_in_normal_deviates():
    curve = error_curve(*gaussian_rates(200), counts=(10**9, 10**9))
    np.testing.assert_allclose(curve["miss_probit"] + curve["false_alarm_probit"], -2, atol=1e-6)


def test_a_short_curve_is_kept_whole_and_worked_by_hand():
    curve = error_curve(MISS, FALSE_ALARM, THRESHOLDS, counts=(2, 2))
    assert curve["threshold"].tolist() == THRESHOLDS
    assert curve["at_eer"].tolist() == [0, 0, 1, 0, 0]
    assert equal_error_rate(curve) == 0.5
    assert np.isfinite(curve.to_numpy()).all()


@pytest.mark.parametrize("points", [20, 69, 500])
def test_thinning_keeps_the_ends_the_equal_error_point_and_the_shape(points):
    miss, false_alarm, thresholds = gaussian_rates(20_001)
    bent = (false_alarm + 1 - ndtr(thresholds - 1.5)) / 2
    whole = error_curve(miss, bent, thresholds, counts=(10**6, 10**6), points=30_000)
    short = error_curve(miss, bent, thresholds, counts=(10**6, 10**6), points=points)
    assert points - 4 <= len(short) <= points
    for row in (0, -1):
        assert short.iloc[row].equals(whole.iloc[row])
    assert whole[whole["at_eer"] == 1].to_numpy().tolist() == short[short["at_eer"] == 1].to_numpy().tolist()
    drawn = np.interp(whole["threshold"], short["threshold"], short["false_alarm_probit"])
    # Both deviates run over at most 2 * 4.9 (clipped at 5e-7), so the points are 2 * 9.8 / (points - 4) apart at most,
    # and between two points of a falling curve no deviate is further off than that.
    assert np.abs(drawn - whole["false_alarm_probit"]).max() <= 2 * 9.8 / (points - 4)


def test_thinning_spends_no_points_where_the_curve_stands_still():
    x = np.concatenate([np.zeros(5000), np.linspace(0, 1, 5000)])
    chosen = thin(x, x, keep=17, points=100)
    assert (chosen < 4999).sum() == 2  # the first point and the kept one
    assert 17 in chosen


def test_a_class_without_trials_is_refused():
    with pytest.raises(ValueError, match=r"at least 1 target and 1 non-target, got counts \(2, 0\)"):
        error_curve(MISS, FALSE_ALARM, THRESHOLDS, counts=(2, 0))


def test_rates_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="same length"):
        error_curve(MISS[1:], FALSE_ALARM, THRESHOLDS, counts=(2, 2))


def test_the_ends_of_a_curve_say_how_many_trials_there_were():
    curve = error_curve(*gaussian_rates(300), counts=(170, 27))
    assert trials(curve) == (170, 27) == trials(curve.round(6))
