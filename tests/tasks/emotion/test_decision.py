"""How often dev was wrong where it said what is said now, by hand."""

import numpy as np
import pandas as pd

from voxdag.tasks.emotion import decision

DEV = pd.DataFrame(
    {"label": ["sad", "sad", "happy", "angry", "angry"], "predicted": ["sad", "happy", "happy", "happy", "angry"]}
)


def test_of_each_class_the_share_of_what_was_called_so_and_is_another():
    fitted = decision.fit(DEV)
    assert (fitted["error_sad"], fitted["error_happy"], fitted["error_angry"]) == (0, 2 / 3, 0)
    assert (fitted["n_sad"], fitted["n_happy"], fitted["n_angry"], fitted["n_calm"]) == (1, 3, 1, 0)
    assert np.isnan(fitted["error_calm"])


def test_the_decision_is_the_likeliest_class_with_the_mean_error_of_the_members_that_know_it():
    other = DEV.assign(predicted=["sad", "sad", "happy", "calm", "angry"])
    fitted = pd.DataFrame([decision.fit(DEV), decision.fit(other)])
    decided = decision.decide(pd.DataFrame({"predicted": ["happy", "calm", "bored"]}), fitted)
    assert list(decided) == list(decision.DECIDED) and decided["decision"].tolist() == ["happy", "calm", "bored"]
    assert decided["expected_error_rate"].tolist()[:2] == [1 / 3, 1] and np.isnan(decided["expected_error_rate"][2])
