"""Dev criteria: means, a composite with all of its terms or none, and which metrics had a part in a choice."""

import math

import numpy as np
import pandas as pd
import pytest

from voxdag.tasks.enhance import criteria


def table(**columns):
    return pd.DataFrame({"loss": [0.1, 0.3], "pesq": [2.0, 3.0], "stoi": [0.8, 0.9]} | columns)


def test_criteria_are_means_and_their_composite():
    found = criteria.criteria(table())
    # 0.5 (2.5 - 1) / 3.5 + 0.3 * 0.85 - 0.2 * 0.2
    assert found == pytest.approx({"loss": 0.2, "pesq": 2.5, "stoi": 0.85, "composite": 0.429286}, abs=1e-6)


def test_an_utterance_without_a_value_is_left_out_of_its_mean_alone():
    found = criteria.criteria(table(pesq=[np.nan, 3.0]))
    assert found["pesq"] == 3.0 and found["stoi"] == pytest.approx(0.85)


@pytest.mark.parametrize("column", ["pesq", "stoi", "loss"])
def test_a_composite_that_lacks_a_term_is_undefined_and_never_lower(column):
    found = criteria.criteria(table(**{column: [np.nan, np.nan]}))
    assert math.isnan(found[column]) and math.isnan(found["composite"])


def test_the_composite_rises_with_both_metrics_and_falls_with_the_loss():
    middle = criteria.composite(loss=0.2, pesq=2.0, stoi=0.8)
    assert criteria.composite(0.2, 2.1, 0.8) > middle < criteria.composite(0.2, 2.0, 0.9)
    assert criteria.composite(0.3, 2.0, 0.8) < middle
    assert {"pesq", "stoi", "composite"} == criteria.HIGHER


def test_a_choice_by_the_composite_is_one_by_pesq_and_stoi():
    assert criteria.metrics_of({"composite"}) == {"pesq", "stoi"}
    assert criteria.metrics_of({"loss", "stoi"}) == {"stoi"} and criteria.metrics_of({"loss"}) == frozenset()
