import numpy as np
import pandas as pd
import pytest

from voxdag.data.members import Member
from voxdag.scoring.intervals import draws
from voxdag.scoring.members import Members, split


def table(**columns):
    size = len(next(iter(columns.values())))
    return pd.DataFrame({"id": [f"u{row}" for row in range(size)], "speaker": "s"} | columns)


def mean_of(rows):
    """The mean of the column value, "mean", of the rows that are there; of the rows themselves also "size"."""
    values = rows["value"].to_numpy(float)

    def statistics(counts=None):
        alone = {"size": float(values.size)} if counts is None else {}
        return {"mean": np.average(values, weights=counts)} | alone

    return statistics


def members_of(rows, classes=None):
    return Members(split(rows), {member: mean_of(of) for member, of in split(rows).items()}, classes)


def test_members_are_folds_by_seeds_in_the_order_of_their_numbers():
    rows = table(fold=["10", "2", "2", "1"], seed=[2, 10, 2, 2])
    found = split(rows)
    assert list(found) == [Member("1", 2), Member("2", 2), Member("2", 10), Member("10", 2)]
    assert [member.title for member in found] == [
        "fold 1, seed 2", "fold 2, seed 2", "fold 2, seed 10", "fold 10, seed 2",
    ]  # fmt: skip
    assert [of["id"].tolist() for of in found.values()] == [["u3"], ["u2"], ["u1"], ["u0"]]


def test_the_rows_of_a_member_keep_their_order():
    rows = table(seed=[1, 2, 1, 2])[::-1]
    assert [of["id"].tolist() for of in split(rows).values()] == [["u2", "u0"], ["u3", "u1"]]


@pytest.mark.parametrize("columns", [{}, {"fold": None}, {"fold": ""}, {"fold": ["", None, np.nan]}, {"seed": np.nan}])
def test_a_table_without_folds_and_seeds_is_one_member_without_a_name(columns):
    rows = table(value=[1.0, 2.0, 3.0]).assign(**columns)
    (member,) = split(rows)
    assert (member, member.title) == (Member(), "")
    pd.testing.assert_frame_equal(split(rows)[member], rows)


def test_a_seed_that_was_read_as_a_float_is_the_same_member():
    assert list(split(table(seed=[1.0, 1.0]))) == list(split(table(seed=[1, 1]))) == [Member(seed=1)]


def test_a_column_that_only_some_rows_have_is_refused():
    with pytest.raises(ValueError, match="some predictions have no seed, others have 1, 2: expected all or none"):
        split(table(seed=[1, 2, np.nan]))
    with pytest.raises(ValueError, match="some predictions have no fold, others have 4"):
        split(table(fold=["4", ""]))


def test_mean_and_sd_over_members_by_hand():
    # Means 2 (of 1, 3), 5 and 11: mean 6, sd sqrt((16 + 1 + 25) / 2). All rows pooled would have mean 20/4 = 5.
    scores = members_of(table(fold=["1", "1", "2", "3"], value=[1, 3, 5, 11]))
    assert scores.mean() == {"mean": 6.0, "size": pytest.approx(4 / 3)}
    assert scores.sd()["mean"] == pytest.approx(np.sqrt(21), abs=1e-12)
    assert scores.defined() == {"mean": 3, "size": 3}
    assert scores.values[Member("3")] == {"mean": 11.0, "size": 1.0}
    assert len(scores) == 3


def test_of_one_member_there_is_no_spread():
    scores = members_of(table(value=[1, 3]))
    assert np.isnan(scores.sd()["mean"])
    assert scores.mean()["mean"] == 2.0


def test_a_drawn_member_weighs_as_its_rows_were_drawn_by_hand():
    # Rows of member 1 drawn 2, 0 times: 2 of 2 rows, weight 1, mean 1. Member 2 drawn 3 times of 1 row: weight 3, mean
    # 5. Member 3 is not drawn. (1 x 1 + 3 x 5) / 4 = 4.
    scores = members_of(table(fold=["1", "1", "2", "3"], value=[1, 3, 5, 11]))
    assert scores.mean(np.array([2, 0, 3, 0]))["mean"] == 4.0
    # Members drawn too, 1 twice and 2 once: (2 x 1 + 3 x 5) / 5.
    assert scores.mean(np.array([2, 0, 3, 0]), times=np.array([2, 1, 0]))["mean"] == pytest.approx(17 / 5)
    assert scores.mean(times=np.array([0, 3, 1]))["mean"] == pytest.approx(26 / 4)


def test_a_draw_of_every_row_once_is_the_table():
    scores = members_of(table(fold=["1", "1", "2", "3"], value=[1, 3, 5, 11]))
    assert scores.mean(np.ones(4, int))["mean"] == scores.mean()["mean"]


@pytest.mark.parametrize("undefined", [{"mean": None}, {"mean": np.nan}, {}])
def test_a_metric_that_a_member_does_not_define_is_left_out_not_counted_as_nought(undefined):
    rows = split(table(fold=["1", "2", "3"], value=[1, 5, 0]))
    scorers = {member: mean_of(of) for member, of in rows.items()} | {Member("3"): lambda counts: undefined}
    scores = Members(rows, scorers)
    assert scores.mean()["mean"] == 3.0
    assert scores.defined()["mean"] == 2
    assert scores.sd()["mean"] == pytest.approx(np.sqrt(8))
    assert scores.mean(np.array([1, 1, 1]))["mean"] == 3.0


def test_a_metric_that_no_member_defines_is_undefined():
    scores = Members(split(table(value=[1, 2])), {Member(): lambda counts: {"mean": np.nan}})
    assert np.isnan(scores.mean()["mean"])
    assert np.isnan(scores.mean(np.ones(2, int))["mean"])
    assert scores.defined() == {"mean": 0}


def test_a_member_without_a_scorer_is_no_member():
    rows = split(table(fold=["1", "2"], value=[1, 5]))
    scores = Members(rows, {Member("2"): mean_of(rows[Member("2")])})
    assert (len(scores), scores.mean()["mean"], list(scores.rows)) == (1, 5.0, [Member("2")])
    nobody = Members(rows, {})
    assert (len(nobody), nobody.mean(), nobody.sd(), nobody.defined()) == (0, {}, {}, {})
    assert nobody.intervals("utterance", np.random.default_rng(0), 5, 0.9) == {}


def test_all_members_rows_of_an_utterance_are_drawn_together():
    # Two seeds of two utterances, values 0 and 1 in both: were the rows drawn on their own, means of 1/4 would occur.
    rows = pd.concat([table(value=[0, 1]).assign(seed=seed) for seed in (1, 2)])
    seen = []
    scorers = {
        member: lambda counts, of=of: seen.append(None if counts is None else counts.tolist()) or mean_of(of)(counts)
        for member, of in split(rows).items()
    }
    Members(split(rows), scorers).intervals("utterance", np.random.default_rng(0), 30, 0.9)
    drawn = seen[2:]
    assert drawn[::2] == drawn[1::2]
    assert {tuple(counts) for counts in drawn} == {(2, 0), (1, 1), (0, 2)}


def test_speakers_are_drawn_over_all_members():
    # Speaker p is all of fold 1 (value 0), q all of fold 2 (value 1): a draw of p, p leaves fold 2 out, mean 0.
    rows = table(fold=["1", "1", "2", "2"], value=[0, 0, 1, 1]).assign(speaker=list("ppqq"))
    interval = members_of(rows).intervals("speaker", np.random.default_rng(0), 200, 0.9)["mean"]
    assert interval == (0.0, 1.0)  # means 0, 1/2, 1 with shares 1/4, 1/2, 1/4


def test_utterances_are_drawn_in_the_order_in_which_they_stand_and_speakers_in_that_of_their_names():
    rows = table(value=[1.0, 5.0, 2.0, 9.0]).assign(id=list("zbya"), speaker=list("rpqp"))
    for by, clusters in (("utterance", None), ("speaker", [2, 0, 1, 0])):
        one = members_of(rows).intervals(by, np.random.default_rng(0), 40, 0.9)["mean"]
        means = [
            np.average(rows["value"], weights=counts)
            for counts in draws(np.zeros(4), np.random.default_rng(0), 40, clusters)
        ]
        assert one == pytest.approx(np.quantile(means, [0.05, 0.95]), abs=1e-12)
    two = pd.concat([rows.assign(seed=1), rows.assign(seed=2)])
    one, both = (members_of(of).intervals("utterance", np.random.default_rng(0), 40, 0.9)["mean"] for of in (rows, two))
    assert both == pytest.approx(one, abs=1e-12)


def test_intervals_are_of_what_every_replicate_defines():
    rows = table(value=[1, 2, 3])
    assert list(members_of(rows).intervals("utterance", np.random.default_rng(0), 20, 0.9)) == ["mean"]
    assert members_of(rows).intervals("speaker", np.random.default_rng(0), 20, 0.9) == {}
    assert (
        members_of(rows.assign(speaker=["a", "b", None])).intervals("speaker", np.random.default_rng(0), 9, 0.9) == {}
    )


def test_a_draw_that_no_member_can_score_is_drawn_again():
    # Both members have a row of each class. A draw of x from one and of y from the other has both, but scores nobody.
    rows = table(fold=["1", "1", "2", "2"], kind=["x", "y", "x", "y"], value=[1, 1, 1, 1])
    scores = members_of(rows, "kind")
    drawn = []
    scores.mean = lambda counts=None: drawn.append(counts) or {"mean": 1.0}
    scores.intervals("utterance", np.random.default_rng(0), 200, 0.9)
    drawn = [counts.tolist() for counts in drawn if counts is not None]
    assert all(min(counts[:2]) or min(counts[2:]) for counts in drawn)
    assert [1, 1, 2, 0] in drawn  # one member that can be scored is enough
    assert len(drawn) == 200


def test_a_member_alone_is_scored_as_the_table_of_its_rows():
    rows = table(fold=["1", "1", "2", "2"], value=[1, 3, 5, 11])
    alone = members_of(rows).alone(Member("2"))
    assert (len(alone), alone.mean()["mean"]) == (1, 8.0)
    one, other = (of.intervals("utterance", np.random.default_rng(3), 40, 0.9) for of in (alone, members_of(rows[2:])))
    assert one == other


def hits_of(rows, shares):
    """The share of rows whose value is above 0, "hits", and the mean value, "mean"."""
    values = rows["value"].to_numpy(float)
    scorer = lambda counts=None: {  # noqa: E731
        "hits": np.average(values > 0, weights=counts),
        "mean": np.average(values, weights=counts),
    }
    return Members({Member(): rows}, {Member(): scorer}, shares=shares)


def whole(metric, rows):
    return [(rows["kind"] == kind).to_numpy() for kind in "xy"] if metric == "hits" else []


@pytest.mark.parametrize(
    ("value", "by", "ends"),  # the smaller set has 2 rows, of 1 speaker: sqrt(.05) = .2236 and .05 are unlikely to hit
    [
        (1.0, "utterance", (0.05**0.5, 1)),
        (0.0, "utterance", (0, 1 - 0.05**0.5)),
        (1.0, "speaker", (0.05, 1)),
        (0.0, "speaker", (0, 0.95)),
    ],
)
def test_what_no_replicate_changes_has_the_exact_interval_of_its_smallest_set_or_none(value, by, ends):
    rows = table(value=[value] * 5, kind=list("xxyyy")).assign(speaker=list("aabcc"))
    found = hits_of(rows, whole).intervals(by, np.random.default_rng(0), 19, 0.9)
    assert list(found) == ["hits"]  # the mean is no share: no interval
    assert found["hits"] == pytest.approx(ends)
    assert hits_of(rows, whole).alone(Member()).intervals(by, np.random.default_rng(0), 19, 0.9) == found


def test_what_the_replicates_change_keeps_its_percentiles():
    rows = table(value=[1.0, 0.0] * 4, kind=list("xxxxyyyy")).assign(speaker=list("aabbccdd"))
    found = hits_of(rows, whole).intervals("utterance", np.random.default_rng(0), 100, 0.9)
    assert set(found) == {"hits", "mean"} and 0 < found["hits"].low < found["hits"].high < 1
    # every speaker hits half the time, so no draw of speakers differs: nothing is known, though the share is not 0 or 1
    assert hits_of(rows, whole).intervals("speaker", np.random.default_rng(0), 100, 0.9) == {}
