"""What dev fitted is found by the weights and settings that it was fitted with, and by no others."""

import pandas as pd
import pytest

from voxdag.core import artifacts
from voxdag.core.errors import NotHere, Refused
from voxdag.data.members import Member
from voxdag.tasks import decisions
from voxdag.tasks.antispoof import decision

DEV = pd.DataFrame({"label": ["spoof", "bonafide"], "score": [0.0, 1.0]})
SETTINGS = {"samples": 8, "score": "logit_difference"}


@pytest.fixture
def table(tmp_path):
    rows = [
        decisions.row(decision, Member("", seed), weights, SETTINGS, DEV.assign(score=DEV["score"] + seed))
        for seed, weights in ((1, "123456789012"), (2, "00000000e123"))
    ]
    artifacts.write_table(tmp_path / "decisions.csv", pd.concat(rows))
    return decisions.read(tmp_path / "decisions.csv", decision)


def test_each_member_has_its_row_and_hashes_stay_text(table):
    assert list(table)[:2] == ["weights", "settings"] and table["seed"].tolist() == [1, 2]
    assert table["weights"].tolist() == ["123456789012", "00000000e123"]
    assert table["threshold"].tolist() == [1, 2]  # the highest spoof: 0 and the seed


def test_rows_are_found_by_weights_and_settings(table):
    found = decisions.of_weights(table, ["00000000e123"], dict(reversed(SETTINGS.items())))
    assert found["seed"].tolist() == [2]
    assert len(decisions.of_weights(table, ["123456789012", "00000000e123"], SETTINGS)) == 2


@pytest.mark.parametrize(
    ("weights", "settings"), [(["0"], SETTINGS), (["00000000e123", "0"], SETTINGS), (["00000000e123"], {"samples": 9})]
)
def test_other_weights_or_settings_have_none(table, weights, settings):
    assert decisions.of_weights(table, weights, settings) is None


def test_without_the_table_there_is_a_reason(tmp_path):
    with pytest.raises(NotHere):
        decisions.read(tmp_path / "decisions.csv", decision)


def test_another_table_is_told_by_what_it_lacks(tmp_path):
    (tmp_path / "d.csv").write_text("weights,settings,fold\na,b,1\n")
    with pytest.raises(
        Refused, match="d.csv has no column threshold: expected weights, settings, threshold, miss_rate"
    ):
        decisions.read(tmp_path / "d.csv", decision)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("threshold", "", "the threshold nan, expected a finite number"),
        ("threshold", "inf", "the threshold inf, expected a finite number"),
        ("miss_rate", "7", "the miss_rate 7.0, expected a rate from 0 to 1"),
        ("weights", "123456789012", "two rows of the same weights under the same settings"),
    ],
)
def test_a_table_that_decides_nothing_is_refused(tmp_path, table, column, value, message):
    table = table.astype({column: object})
    table.loc[1, column] = value
    table.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(Refused, match=f"d.csv has {message}"):
        decisions.read(tmp_path / "d.csv", decision)


def test_a_rate_that_dev_does_not_have_is_none(tmp_path, table):
    table.assign(miss_rate=float("nan")).to_csv(tmp_path / "d.csv", index=False)
    assert decisions.read(tmp_path / "d.csv", decision)["miss_rate"].isna().all()
