"""The report of a task whose metrics are functions of a member's rows."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.scoring.tables import Scoring
from voxdag.tasks.reports import MemberReport

SCORING = Scoring(replicates=50, confidence=0.95, by=("speaker",))


class Means:
    def __init__(self, rows):
        self.values = rows["value"].to_numpy(float)

    def __call__(self, counts=None):
        mean = float(np.average(self.values, weights=counts))
        return {"mean": mean, "square": mean**2}


def criteria(rows):
    return {"largest": float(rows["value"].max()), "other": 0.0}


REPORT = MemberReport(("mean", "square"), Means, criteria)


def predictions(*values, seeds=(1, 2), **columns):
    """Of each seed, one row a value; those of the second are larger by 2."""
    rows = [
        {"id": f"u{i}", "speaker": f"s{i % 2}", "seed": seed, "value": value + 2 * k}
        for k, seed in enumerate(seeds)
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_the_headline_has_means_over_members_the_spread_of_the_first_and_the_first_criterion_of_dev():
    # means of 1, 2, 3 and of 3, 4, 5: 2 and 4, sd sqrt(2); squares 4 and 16; the largest of dev 7 and 9
    found = REPORT.headline({"dev": predictions(7.0), "eval": predictions(1.0, 2.0, 3.0)}, {})
    assert found == {"mean": 3, "mean_sd": pytest.approx(2**0.5), "square": 10, "dev_largest": 8}


def test_an_easier_protocol_is_in_the_names():
    tables = {split: predictions(1.0, 2.0, protocol="leaky") for split in ("dev", "eval")}
    assert set(REPORT.headline(tables, {})) == {"leaky_mean", "leaky_mean_sd", "leaky_square", "leaky_dev_largest"}
    assert set(REPORT.member_values(tables, {})["metric"]) == {"leaky_mean", "leaky_square"}


def test_a_criterion_that_dev_does_not_define_is_none():
    report = MemberReport(("mean",), Means, lambda rows: {"none": None})
    tables = {"dev": predictions(1.0), "eval": predictions(1.0)}
    assert report.headline(tables, {})["dev_none"] is None


@pytest.mark.parametrize("undefined", [float("nan"), None])
def test_a_member_of_which_dev_does_not_define_a_criterion_is_not_in_its_mean(undefined):
    # the largest of dev are 7 and 9; of seed 1 it is undefined

    def of_nine(rows):
        return {"x": 9.0 if rows["value"].max() == 9 else undefined}

    report = MemberReport(("mean",), Means, of_nine)
    assert report.headline({"dev": predictions(7.0), "eval": predictions(1.0)}, {})["dev_x"] == 9


def test_a_metric_that_no_member_has_has_no_spread():
    report = MemberReport(("mean", "other"), lambda rows: lambda counts=None: {"other": 1.0}, criteria)
    found = report.headline({split: predictions(1.0) for split in ("dev", "eval")}, {})
    assert (found["mean"], found["mean_sd"], found["other"]) == (None, None, 1)


def test_predictions_that_cannot_be_scored_are_refused():
    rows = predictions(1.0, 2.0)
    with pytest.raises(Refused, match="no column codec, room; they have id, speaker, seed, value"):
        REPORT.breakdown({"eval": rows}, {}, Scoring(19, 0.9, ("codec", "speaker", "room", "fold")), 1)
    twice = pd.concat([rows, rows.head(1)])
    for tables in ({"dev": rows, "eval": twice}, {"dev": twice, "eval": rows}):
        with pytest.raises(Refused, match="1 of 5 predictions are of an utterance that .* already have: utterance u0"):
            REPORT.headline(tables, {})
    for tables in ({"dev": rows, "eval": rows[:0]}, {"dev": rows[:0], "eval": rows}):
        with pytest.raises(Refused, match="predictions have no rows"):
            REPORT.headline(tables, {})


def test_groups_are_scored_member_by_member():
    table = REPORT.breakdown({"eval": predictions(1.0, 2.0, 6.0)}, {}, SCORING, 1)
    # speaker s0 has 1 and 6, and of the other seed 3 and 8: means 3.5 and 5.5; s1 has 2, and 4
    assert table["value"].tolist() == ["s0", "s1"] and table["n"].tolist() == [2, 1]
    assert table["mean"].tolist() == [4.5, 3] and table["square"].tolist() == [21.25, 10]
    assert set(table) == set(REPORT.breakdown_types) and (table["protocol"] == "speaker_independent").all()


def test_intervals_hold_the_means_and_do_not_depend_on_the_order_of_rows():
    rows = predictions(1.0, 2.0, 3.0, 4.0)
    first, again = (REPORT.intervals({"eval": table}, {}, SCORING, 1) for table in (rows, rows[::-1]))
    pd.testing.assert_frame_equal(first, again)
    whole = first[first["seed"].isna() & (first["metric"] == "mean")]
    assert (whole["value"] == 3.5).all() and (whole["low"] < 3.5).all() and (whole["high"] > 3.5).all()
