"""The decision at dev's threshold, by hand."""

import numpy as np
import pandas as pd
import pytest

from voxdag.tasks.antispoof import decision

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
    assert fitted == pytest.approx(
        {"threshold": 3.0, "miss_rate": 1 / 4, "false_alarm_rate": 1 / 3, "n_bonafide": 4, "n_spoof": 3}
    )


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
