import logging
import re

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts, params, streams
from voxdag.core.errors import Refused
from voxdag.data.members import Member
from voxdag.scoring import tables
from voxdag.scoring.members import Members, split
from voxdag.scoring.tables import Measures, Scoring

QUICK = Scoring(replicates=30, confidence=0.9, by=())
MEASURES = Measures(("mean", "missing"), {"n": None, "n_x": "x"})
ROWS = pd.DataFrame(
    {
        "id": ["u0", "u1", "u2", "u0", "u1", "u2"],
        "seed": [1, 1, 1, 2, 2, 2],
        "speaker": list("ppqppq"),
        "label": list("xyxxyx"),
        "value": [0.0, 1.0, 2.0, 4.0, 5.0, 6.0],  # means 1 and 5
    }
)


def mean_of(member, rows):
    if rows["value"].isna().any():
        raise Refused(f"{rows['value'].isna().sum()} values are missing")
    values = rows["value"].to_numpy(float)
    return lambda counts: {"mean": np.average(values, weights=counts)}


def scored(rows=ROWS):
    return tables.scored(split(rows), mean_of)


def test_headline_by_hand():
    # Means 1 and 5: mean 3, sd sqrt((4 + 4) / 1).
    assert tables.headline(scored(), MEASURES.metrics, "mean") == {
        "mean": 3.0,
        "missing": None,
        "mean_sd": pytest.approx(np.sqrt(8)),
    }
    one = tables.headline(scored(ROWS[:3]), ["mean"], "mean")
    assert one == {"mean": 1.0, "mean_sd": None}


def test_intervals_by_hand():
    table = tables.intervals(scored(), MEASURES, "leaky_", QUICK, seed=0)
    assert list(table) == list(tables.interval_types(MEASURES)) == [
        "metric", "fold", "seed", "value", "sd", "low", "high", "resampled_by", "replicates", "members", "n", "n_x",
    ]  # fmt: skip
    assert table["metric"].tolist() == ["leaky_mean", "leaky_missing"] * 6
    assert table["seed"].isna().tolist() == [True] * 4 + [False] * 8
    assert table["seed"].dropna().tolist() == [1] * 4 + [2] * 4
    assert table["resampled_by"].tolist() == ["utterance", "utterance", "speaker", "speaker"] * 3
    means = table[table["metric"] == "leaky_mean"]
    assert means["value"].tolist() == [3, 3, 1, 1, 5, 5]
    assert means["sd"].fillna(-1).tolist() == pytest.approx([np.sqrt(8)] * 2 + [-1] * 4)
    assert means["members"].tolist() == [2, 2, 1, 1, 1, 1]
    assert set(means["n"]) == {3} and set(means["n_x"]) == {2}
    # Speakers p (values 0, 1) and q (2): draws of p p have mean 1/2, of q q 2, in a quarter of the replicates each.
    assert means[["low", "high"]].iloc[3].tolist() == [0.5, 2.0]
    missing = table[table["metric"] == "leaky_missing"]
    assert missing[["value", "sd", "low", "high"]].isna().all(axis=None)
    assert set(missing["members"]) == {0}


@pytest.mark.parametrize(
    ("marks", "stream"),
    [
        (ROWS[["seed"]], (None, 2)),
        (ROWS[["seed"]].assign(fold=["3"] * 3 + ["4"] * 3), ("4", 2)),
        (pd.DataFrame({"fold": ["3"] * 3 + ["4"] * 3}), ("4",)),
    ],
)
def test_a_member_has_the_interval_of_the_table_of_its_rows(marks, stream):
    # but for the stream, which is named by fold and seed
    marked = ROWS.drop(columns="seed").join(marks)
    rows = tables.intervals(scored(marked), MEASURES, "", QUICK, 0)
    last = rows[(rows["value"] == 5) & (rows["metric"] == "mean")]
    for by in ("utterance", "speaker"):
        rng = streams.generator(0, "intervals", by, *stream)
        expected = scored(marked[3:]).intervals(by, rng, QUICK.replicates, QUICK.confidence)["mean"]
        assert tuple(last.loc[last["resampled_by"] == by, ["low", "high"]].iloc[0]) == expected


def test_the_stream_of_the_means_is_named_by_the_task():
    plain, named = (
        tables.intervals(scored(), Measures(("mean",), {}, stream), "", Scoring(19, 0.9, ()), 0)
        for stream in ((), (None,))
    )
    assert not plain.iloc[:2].equals(named.iloc[:2])
    pd.testing.assert_frame_equal(plain.iloc[2:], named.iloc[2:])


def test_tables_come_back_from_their_files(tmp_path):
    table = tables.intervals(scored(), MEASURES, "", QUICK, 0)
    artifacts.write_table(tmp_path / "intervals.csv", table)
    kinds = {str: str, int: "Int64", float: float}
    types = {name: kinds[kind] for name, kind in tables.interval_types(MEASURES).items()}
    again = pd.read_csv(tmp_path / "intervals.csv", dtype=types)
    assert again["seed"].tolist() == table["seed"].tolist()
    assert again["value"].dropna().tolist() == pytest.approx(table["value"].dropna().tolist(), abs=1e-6)
    assert again["n"].tolist() == table["n"].tolist()


def test_values_of_members_by_hand():
    table = tables.member_values(scored(ROWS.assign(fold="7")), MEASURES, "leaky_")
    assert table.drop(columns="value").to_numpy().tolist() == [
        ["leaky_mean", "7", 1], ["leaky_missing", "7", 1], ["leaky_mean", "7", 2], ["leaky_missing", "7", 2],
    ]  # fmt: skip
    assert table["value"].fillna(-1).tolist() == [1, -1, 5, -1]


@pytest.mark.parametrize("shared", [False, True])
def test_rows_without_a_value_are_in_no_group_or_in_all(shared):
    for nothing in (None, "", np.nan):
        rows = ROWS.assign(codec=["002", "001", nothing, nothing, "002", "002"])
        found = {value: group["value"].tolist() for value, group in tables.groups(rows, "codec", shared)}
        rest = [2.0, 4.0] if shared else []
        assert found == {"001": sorted([1.0, *rest]), "002": sorted([0.0, 5.0, 6.0, *rest])}
        assert list(found) == ["001", "002"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10.0, 2.5, -5.0, np.nan, 10.0, 2.5], ["-5", "2.5", "10"]),
        ([10, 9, 100, 9, 10, 9], ["9", "10", "100"]),
        (["10", "9", "100", "9", "10", "9"], ["10", "100", "9"]),
        ([True, False, True, True, False, True], ["False", "True"]),
        ([1e-7, 1e7, 1.0, 1.0, 1.0, 1.0], ["0.0000001", "1", "10000000"]),
        ([None] * 6, []),
    ],
)
def test_numbers_sort_as_numbers_and_text_as_text(values, names):
    assert [value for value, _ in tables.groups(ROWS.assign(column=values), "column", shared=False)] == names


def test_groups_by_member():
    assert [(value, len(group)) for value, group in tables.groups(ROWS, "seed", False)] == [("1", 3), ("2", 3)]


def test_a_breakdown_says_what_score_says_of_each_group_with_a_stream_of_its_own():
    def score(column, value, group, rng):
        return {"sum": group["value"].sum(), "draw": rng.random()}

    rows = tables.breakdown(ROWS, ["speaker", "fold", "seed"], score, seed=3)
    draws = [streams.generator(3, "breakdown", *name).random() for name in (("speaker", "p"), ("speaker", "q"))]
    assert rows[:2] == [
        {"column": "speaker", "value": "p", "sum": 10.0, "draw": draws[0]},
        {"column": "speaker", "value": "q", "sum": 8.0, "draw": draws[1]},
    ]
    assert [row["column"] for row in rows[2:]] == ["seed", "seed"]  # the table has no folds


def test_metrics_of_a_group_by_hand(caplog):
    rows = ROWS.assign(value=ROWS["value"].where(ROWS["seed"] == 2))
    scores = tables.scored(split(rows), mean_of, group="codec 001")
    found = tables.group_metrics(scores, MEASURES.metrics, QUICK, np.random.default_rng(0))
    assert list(found) == ["members", *tables.columns_with_ends(MEASURES.metrics)]
    assert (found["members"], found["mean"]) == (1, 5.0)
    assert 4.0 <= found["mean_low"] < 5 < found["mean_high"] <= 6.0
    assert (found["missing"], found["missing_low"]) == (None, None)
    assert caplog.messages == ["codec 001, seed 1 has no metrics: 3 values are missing"]


def test_a_group_that_no_member_can_score_has_no_metrics(caplog):
    scores = tables.scored(split(ROWS[:3].drop(columns="seed").assign(value=np.nan)), mean_of, group="codec 001")
    found = tables.group_metrics(scores, ["mean"], QUICK, np.random.default_rng(0))
    assert found == {"members": 0, "mean": None, "mean_low": None, "mean_high": None}
    assert caplog.messages == ["codec 001 has no metrics: 3 values are missing"]


def test_a_member_that_cannot_be_scored_is_named():
    rows = ROWS.assign(value=ROWS["value"].where(ROWS["seed"] == 2))
    with pytest.raises(ValueError, match="^seed 1: 3 values are missing$"):
        tables.scored(split(rows), mean_of)
    with pytest.raises(ValueError, match="^3 values are missing$"):
        tables.scored(split(rows[:3].drop(columns="seed")), mean_of)


def test_scoring_is_quiet_where_nothing_is_wrong(caplog):
    caplog.set_level(logging.INFO)
    tables.intervals(scored(), MEASURES, "", QUICK, 0)
    assert caplog.text == ""


def test_who_defines_one_of_the_metrics():
    scorers = {Member(seed=1): lambda counts: {"a": 1.0, "b": np.nan}, Member(seed=2): lambda counts: {"b": None}}
    scores = Members(split(ROWS), scorers)
    assert [tables.defining(scores, names) for names in (["a"], ["b"], ["a", "b"])] == [1, 0, 1]


def check(rows, **changes):
    wanted = {"needed": ["speaker"], "labels": {"label": ["x", "y"]}, "numbers": ["value"]}
    tables.check(rows, **(wanted | changes))


def test_predictions_that_cannot_be_scored_are_refused():
    check(ROWS)
    check(ROWS, needed=["fold", "seed"])  # a table may have none
    with pytest.raises(ValueError, match="no column label, codec; they have id, seed, speaker, value"):
        check(ROWS.drop(columns="label"), needed=["codec", "fold"], labels={"label": []})
    with pytest.raises(ValueError, match="no rows"):
        check(ROWS.head(0))
    with pytest.raises(ValueError, match="^2 of 6 predictions are none of x, z: utterance u1 has label y$"):
        check(ROWS, labels={"label": ["x", "z"]})
    broken = ROWS.assign(value=[0, np.inf, 0, 0, 0, np.nan], score=1.5)
    with pytest.raises(ValueError, match="^2 of 6 .* not finite: utterance u1 has score 1.5, value inf$"):
        check(broken, numbers=["score", "value"])


def test_an_utterance_stands_once_in_a_member():
    with pytest.raises(ValueError, match="^3 of 6 .* its fold and seed already have: utterance u0$"):
        check(ROWS.drop(columns="seed"))
    with pytest.raises(ValueError, match="^1 of 7 .* already have: utterance u0 has seed 1$"):
        check(pd.concat([ROWS, ROWS.head(1)]))


@pytest.mark.parametrize(
    ("replicates", "confidence", "message"),
    [
        (38, 0.95, "replicates is 38: expected 39 to"),
        (100, 1.0, "confidence is 1.0: expected a fraction between"),
    ],
)
def test_settings_that_make_no_interval_are_refused(replicates, confidence, message):
    with pytest.raises(ValueError, match=message):
        Scoring(replicates, confidence, ())


def test_margins_are_numbers_of_0_or_more_however_yaml_reads_them():
    tree = {"replicates": 39, "confidence": 0.95, "by": []}
    assert params.bind(Scoring, tree, "x").margins == {}
    read = params.bind(Scoring, tree | {"margins": {"eer": "5e-3", "uar": 0, "pesq": 1}}, "x")
    assert read.margins == {"eer": 0.005, "uar": 0.0, "pesq": 1.0}


@pytest.mark.parametrize("margin", [-0.001, float("nan"), float("inf"), "1e999", "wide", True, None, [0.1]])
def test_a_margin_that_is_none_is_refused_with_its_key(margin):
    tree = {"replicates": 39, "confidence": 0.95, "by": [], "margins": {"uar": 0.1, "eer": margin}}
    expected = f"params.yaml: x.margins.eer is {margin!r}, expected a finite number of 0 or more"
    with pytest.raises(Refused, match=f"^{re.escape(expected)}$"):
        params.bind(Scoring, tree, "x")


@pytest.mark.parametrize("margins", [None, 0.1, ["eer"]])
def test_margins_without_metrics_are_refused(margins):
    tree = {"replicates": 39, "confidence": 0.95, "by": [], "margins": margins}
    with pytest.raises(Refused, match=re.escape(f"x.margins is {margins!r}, expected a mapping")):
        params.bind(Scoring, tree, "x")
