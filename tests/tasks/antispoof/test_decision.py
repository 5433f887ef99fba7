"""The decision at dev's threshold, by hand."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts
from voxdag.tasks.antispoof import decision, transfer

# Sorted: s1 s2 b3 s4 b5 b6 b7. Rejecting the three lowest misses 1 of 4 bona fide and passes 1 of 3 spoofs; the rates
# 1/4 and 1/3 are the nearest there are, so the threshold is 3.
DEV = pd.DataFrame(
    {
        "label": ["spoof", "spoof", "bonafide", "spoof", "bonafide", "bonafide", "bonafide"],
        "score": [1.0, 2, 3, 4, 5, 6, 7],
    }
)


def test_the_threshold_is_that_of_the_equal_error_rate_with_its_rates_and_counts():
    fitted = decision.fit(DEV.sample(frac=1, random_state=0))
    rates = {"threshold": 3.0, "miss_rate": 1 / 4, "false_alarm_rate": 1 / 3, "n_bonafide": 4, "n_spoof": 3}
    assert {name: fitted[name] for name in rates} == pytest.approx(rates) and fitted.keys() == decision.FITTED.keys()


def test_a_score_above_the_threshold_is_bona_fide_and_at_it_a_spoof():
    decided = decision.decide(pd.DataFrame({"score": [2.9, 3.0, 3.1]}), pd.DataFrame([decision.fit(DEV)]))
    assert list(decided) == list(decision.DECIDED)
    assert decided["decision"].tolist() == ["spoof", "spoof", "bonafide"]
    assert decided["expected_miss_rate"].tolist() == [1 / 4] * 3
    assert decided["expected_false_alarm_rate"].tolist() == pytest.approx([1 / 3] * 3)


def test_of_several_members_the_distances_from_their_own_thresholds_are_averaged():
    # thresholds 0 and 10, scores 4 and 8 of one recording: distances 4 and -2, on the average 1 above
    fitted = pd.DataFrame({"threshold": [0.0, 10], "miss_rate": [0.1, 0.3], "false_alarm_rate": [0.2, 0.2]})
    decided = decision.decide(pd.DataFrame({"score": [np.mean([4, 8]), np.mean([4, 5.9])]}), fitted)
    assert decided["decision"].tolist() == ["bonafide", "spoof"] and decided["threshold"].tolist() == [5, 5]
    assert decided["expected_miss_rate"].tolist() == pytest.approx([0.2, 0.2])


def test_a_threshold_alone_decides_and_lets_expect_nothing():
    decided = decision.decide(pd.DataFrame({"score": [1.0, -1.0]}), pd.DataFrame({"threshold": [0.0]}))
    assert decided["decision"].tolist() == ["bonafide", "spoof"] and decided["expected_miss_rate"].isna().all()


def test_scores_become_log_likelihood_ratios_by_the_map_of_the_report():
    (expected,) = transfer.frozen(DEV.assign(fold="", seed=1)).values()
    fitted = pd.Series(decision.fit(DEV))
    outputs = decision.calibrated(pd.DataFrame({"score": [-2.0, 0.5, 30.0]}), fitted)
    assert outputs["llr"].to_numpy() == pytest.approx(expected.affine(np.array([-2.0, 0.5, 30.0])), rel=1e-12)


def test_ratios_of_gaussians_are_found_again():
    # Two normal classes one standard deviation apart: ln N(s; 1, 1) - ln N(s; 0, 1) = s - 1/2. With 20,000 trials a
    # class the slope's standard error is about 0.02 at this prior (1.5 / sqrt(n) and less), the offset's as much.
    draw = np.random.default_rng(0)
    scores = np.r_[draw.normal(1, 1, 20_000), draw.normal(0, 1, 20_000)]
    dev = pd.DataFrame({"label": ["bonafide"] * 20_000 + ["spoof"] * 20_000, "score": scores})
    outputs = decision.calibrated(pd.DataFrame({"score": [0.0, 1.0]}), pd.Series(decision.fit(dev)))
    assert outputs["llr"].tolist() == pytest.approx([-0.5, 0.5], abs=0.06)


@pytest.mark.parametrize(
    ("prior", "expected"),
    # by hand: odds of a ratio of e^0 = 1 are the prior's; of ln 3 three times as high: 3 * 19 = 57 and 3 to one
    [(None, [0.95, 57 / 58]), (0.5, [0.5, 0.75]), (0.1, [0.1, 0.25])],
)
def test_the_probability_follows_from_ratio_and_prior(prior, expected):
    fitted = pd.DataFrame({"threshold": [0.0]}) if prior is None else pd.DataFrame({"threshold": [0.0], "prior": prior})
    decided = decision.decide(pd.DataFrame({"score": [1.0, -1.0], "llr": [0.0, np.log(3)]}), fitted)
    assert decided["p_bonafide"].tolist() == pytest.approx(expected) and set(decided["prior"]) == {prior or 0.95}


def test_a_small_slope_keeps_its_digits_in_the_table(tmp_path):
    fitted = decision.fit(DEV.assign(score=DEV["score"] * 1e6))
    artifacts.write_table(tmp_path / "d.csv", pd.DataFrame([fitted]))
    written = artifacts.read_table(tmp_path / "d.csv", decision.FITTED).iloc[0]
    of = [decision.calibrated(pd.DataFrame({"score": [5e6]}), pd.Series(one))["llr"][0] for one in (fitted, written)]
    assert of[0] == pytest.approx(of[1], rel=1e-5) and fitted["llr_log_slope"] < np.log(1e-5)
