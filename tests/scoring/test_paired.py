import numpy as np
import pandas as pd
import pytest

from voxdag.scoring import paired
from voxdag.scoring.members import Members, split
from voxdag.scoring.tables import Scoring

SCORING = Scoring(replicates=400, confidence=0.95, by=())
SPEAKERS = tuple("pqrstuvw")


def eval_of(values, speakers=SPEAKERS, **columns):
    """One utterance a speaker."""
    rows = {"id": [f"u{name}" for name in speakers], "speaker": list(speakers), "label": "x", "value": values}
    return {"eval": pd.DataFrame(rows | columns)}


def seeds(values, numbers):
    """A system of one value for all speakers, which depends on the seed."""
    return {"eval": pd.concat([eval_of(value, seed=seed)["eval"] for value, seed in zip(values, numbers, strict=True)])}


def mean_value(splits, tables):
    """Members by their mean value; "fixed" is not resampled."""

    def scorer(rows):
        values = rows["value"].to_numpy(float)
        return lambda counts: {"mean": np.average(values, weights=counts)} | ({"fixed": 1.0} if counts is None else {})

    rows = split(splits["eval"])
    return Members(rows, {member: scorer(of) for member, of in rows.items()})


def compare(a, b, scoring=SCORING, seed=0):
    return paired.pairs({"a": a, "b": b}, {}, mean_value, scoring, seed).set_index("metric").loc["mean"]


def test_a_system_differs_from_itself_by_nothing():
    values = np.random.default_rng(0).normal(size=8)
    for system in (eval_of(values), seeds([0, 1, 5], [1, 2, 3])):
        row = compare(system, system)
        assert (row["difference"], row["replicates"]) == (0, 400)
        assert row[["low", "high", "p"]].isna().all()  # no replicate differs: nothing is known of the spread


def test_a_difference_by_hand():
    # Two speakers; a is better by 1 for p and equal for q. Draws of p p, of both and of q q have differences 1, 1/2, 0
    # with shares 1/4, 1/2, 1/4; so 1/4 of them are not above 0 and p is 1/2, sd of the share sqrt(3/16/400) = .022, and
    # of p twice that.
    row = compare(eval_of([3.0, 7.0], "pq"), eval_of([2.0, 7.0], "pq"))
    assert row[["difference", "low", "high"]].tolist() == [0.5, 0, 1]
    assert row["p"] == pytest.approx(0.5, abs=4 * 0.043)
    assert row[["resampled", "replicates", "speakers", "members_a", "members_b"]].tolist() == ["speakers", 400, 2, 1, 1]


def test_what_is_hard_for_both_systems_cancels_out():
    # Speakers differ by 10 and the systems by .125, but for one by .25: draws of speakers differ by .125 to .25 only.
    hard, better = 10.0 * np.arange(8), np.array([0.25] + [0.125] * 7)
    row = compare(eval_of(hard + better), eval_of(hard))
    assert row["difference"] == 0.125 * 9 / 8
    assert 0.125 == row["low"] < row["high"] < 0.1875
    assert row["p"] == 2 / 401  # no replicate flips the sign: 2 (1 + 0) / (1 + 400)


def test_a_difference_that_no_replicate_changes_has_no_interval():
    row = compare(eval_of(np.arange(8) + 0.125), eval_of(np.arange(8)))
    assert row["difference"] == 0.125
    assert row[["low", "high", "p"]].isna().all()


def test_the_other_way_round_it_is_the_negative():
    rng = np.random.default_rng(1)
    for a, b in (
        (eval_of(rng.normal(size=8)), eval_of(rng.normal(size=8))),
        (seeds([0, 1, 3], [1, 2, 3]), seeds([1, 1, 5], [4, 5, 6])),
    ):
        there, back = compare(a, b), compare(b, a)
        assert there["difference"] == -back["difference"] != 0
        assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=1e-12)
        assert there["p"] == back["p"]


def test_only_differences_of_speakers_matter():
    rng = np.random.default_rng(2)
    a, b, hard = rng.normal(size=8), rng.normal(size=8), 100 * rng.normal(size=8)
    plain, harder = compare(eval_of(a), eval_of(b)), compare(eval_of(a + hard), eval_of(b + hard))
    for name in ("difference", "low", "high", "p"):
        assert harder[name] == pytest.approx(plain[name], abs=1e-9)


def test_systems_of_the_same_seeds_share_their_draw():
    # Both have 0 with seed 1 and 1 with seed 2: drawn together, the difference is always 0.
    row = compare(seeds([0, 1], [1, 2]), seeds([1, 0], [2, 1]))
    assert row["difference"] == 0 and row[["low", "high", "p"]].isna().all()
    assert row["resampled"] == "speakers, seeds jointly"
    # b's rise with other seeds too: a has 0, 1 and b 1, 0, so draws of seed 1 twice give -1, of seed 2 twice 1.
    row = compare(seeds([0, 1], [1, 2]), seeds([1, 0], [1, 2]))
    assert row[["difference", "low", "high"]].tolist() == [0, -1, 1]


def test_systems_of_other_seeds_draw_their_own():
    # Means of two draws of {0, 1} are 0, 1/2, 1 with shares 1/4, 1/2, 1/4: the difference of two independent ones is
    # -1 or 1 with 1/16 each, more than the 1/40 of an end.
    row = compare(seeds([0, 1], [1, 2]), seeds([0, 1], [3, 4]))
    assert row[["difference", "low", "high"]].tolist() == [0, -1, 1]
    assert row["resampled"] == "speakers, seeds of a and b"
    assert row[["members_a", "members_b"]].tolist() == [2, 2]


def test_one_seed_has_no_draw():
    row = compare(seeds([0, 1], [1, 2]), seeds([0], [1]))
    assert row[["difference", "low", "high"]].tolist() == [0.5, 0, 1]
    assert row["resampled"] == "speakers, seeds of a"
    row = compare(seeds([0], [1]), eval_of(0.0))
    assert row["resampled"] == "speakers" and np.isnan(row["low"])


def test_a_seed_is_drawn_with_all_its_folds():
    # Seed 1 has 1 in both folds and seed 2 has 3: means of drawn seeds are 1, 2 and 3. Were the four members drawn on
    # their own, the mean would be 1 or 3 in 1/16 of the draws each, and in 1/4 each 1.5 and 2.5.
    rows = [
        eval_of(value, speakers, seed=seed, fold=fold)["eval"]
        for seed, value in ((1, 1.0), (2, 3.0))
        for fold, speakers in zip("12", ("pq", "rs"), strict=True)
    ]
    splits, nought = {"eval": pd.concat(rows)}, eval_of(0.0, "pqrs")
    row = compare(splits, nought)
    assert row[["difference", "low", "high", "members_a", "members_b"]].tolist() == [2, 1, 3, 4, 1]
    quarter = paired.pairs({"a": splits, "b": nought}, {}, mean_value, Scoring(400, 0.6, ()), 0).iloc[0]
    assert quarter[["low", "high"]].tolist() == [1, 3]  # the fifth of draws at an end: 1/4 have 1 and 3


def test_every_two_systems_are_compared_with_the_same_draws():
    systems = {name: eval_of(np.random.default_rng(number).normal(size=8)) for number, name in enumerate("abc")}
    table = paired.pairs(systems, {}, mean_value, SCORING, 0)
    assert list(table) == list(paired.COLUMNS)
    assert table[["system_a", "system_b"]].drop_duplicates().to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert table["metric"].tolist() == ["mean", "fixed"] * 3
    means = table[table["metric"] == "mean"].set_index(["system_a", "system_b"])
    alone = compare(systems["b"], systems["c"])
    assert means.loc[("b", "c"), ["difference", "low", "high", "p"]].tolist() == (
        alone[["difference", "low", "high", "p"]].tolist()
    )


def test_a_metric_that_is_not_resampled_has_a_difference_and_no_interval():
    table = paired.pairs({"a": eval_of(1.0), "b": eval_of(2.0)}, {}, mean_value, SCORING, 0).set_index("metric")
    row = table.loc["fixed"]
    assert (row["difference"], row["replicates"]) == (0, 0)
    assert row[["low", "high", "p", "resampled"]].isna().all()


@pytest.mark.parametrize("speakers", [None, "s"])
def test_without_two_speakers_there_is_no_interval(speakers):
    a, b = ({"eval": eval_of(value)["eval"].assign(speaker=speakers)} for value in (1.0, 2.0))
    row = compare(a, b)
    assert (row["difference"], row["speakers"]) == (-1, 0 if speakers is None else 1)
    assert row[["low", "high", "p", "resampled"]].isna().all()


def test_replicates_that_a_system_cannot_score_are_left_out_and_counted():
    # A system that scores q alone is undefined where q is not drawn, in (1 - 1/2)^2 = 1/4 of the draws of two speakers.
    def only_q(splits, tables):
        q = (splits["eval"]["speaker"] == "q").to_numpy()
        values = splits["eval"]["value"].to_numpy(float)
        rows = split(splits["eval"])
        return Members(
            rows,
            {
                member: lambda counts: {} if counts is not None and not counts[q].any() else {"mean": values[q].mean()}
                for member in rows
            },
        )

    row = paired.pairs({"a": eval_of([1, 2], "pq"), "b": eval_of([1, 5], "pq")}, {}, only_q, SCORING, 0).iloc[0]
    assert row["replicates"] == pytest.approx(300, abs=4 * np.sqrt(400 * 3 / 16))
    assert row["difference"] == -3 and row[["low", "high"]].isna().all()


def test_p_by_hand():
    # one of nine is not above 0: 2 (1 + 1) / (1 + 9); a zero counts on both sides
    assert paired.sign_flips(np.array([-1.0] + [1.0] * 8)) == 0.4
    assert paired.sign_flips(np.array([1.0] * 8 + [0.0])) == 0.4
    assert paired.sign_flips(np.array([-1.0] * 9)) == 0.2
    assert paired.sign_flips(np.zeros(9)) == 1.0


def test_intervals_cover_the_true_difference_as_often_as_they_say():
    # Systems are equal but for noise by speaker, beside what both find hard (sd 3). 20 speakers' percentiles at 95 %
    # cover a little under that: of 100 sets 93, sd 2.6, 4 sd below and 2 above allowed. With draws of its own for each
    # system intervals would be 3 times as wide and cover all 100. p < .05 is as rare as an interval without 0.
    speakers = [f"s{number:02d}" for number in range(20)]
    covered, significant = 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        hard = 3 * rng.normal(size=20)
        a, b = (eval_of(hard + rng.normal(size=20), speakers) for _ in range(2))
        row = compare(a, b, Scoring(150, 0.95, ()), seed)
        covered += row["low"] <= 0 <= row["high"]
        significant += row["p"] < 0.05
    assert 83 <= covered <= 98
    assert 2 <= significant <= 17


def test_one_seed_of_the_run_gives_one_table():
    rng = np.random.default_rng(3)
    a, b = eval_of(rng.normal(size=8)), eval_of(rng.normal(size=8))
    first, again, other = (compare(a, b, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_series_equal(first, again)
    assert first["low"] != other["low"]


def test_an_easier_protocol_is_in_the_names():
    leaky = {"eval": eval_of(1.0)["eval"].assign(protocol="leaky")}
    table = paired.pairs({"a": leaky, "b": leaky}, {}, mean_value, SCORING, 0)
    assert table["metric"].tolist() == ["leaky_mean", "leaky_fixed"]


def test_systems_that_cannot_be_compared_are_refused():
    a, b = eval_of(1.0), eval_of(2.0)
    fewer = {"eval": b["eval"][1:]}
    with pytest.raises(ValueError, match="a scores 8 utterances of eval and b 7, 7 of them alike .* that is not is up"):
        compare(a, fewer)
    other = {"eval": b["eval"].assign(label=["y"] + ["x"] * 7)}
    with pytest.raises(
        ValueError, match="a scores 8 utterances of eval and b 8, 7 of them alike in id, speaker and la"
    ):
        compare(a, other)


def test_systems_of_different_protocols_are_not_compared(caplog):
    a, b = eval_of(1.0), eval_of(2.0)
    easier = [{"eval": eval_of(value, "pq")["eval"].assign(protocol="transductive")} for value in (3.0, 7.0)]
    systems = {"c": easier[0], "a": a, "b": b, "d": easier[1]}
    table = paired.pairs(systems, {}, mean_value, SCORING, 0)
    assert table[["system_a", "system_b", "metric", "difference", "speakers"]].to_numpy().tolist() == [
        ["c", "d", "transductive_mean", -4, 2], ["c", "d", "transductive_fixed", 0, 2],
        ["a", "b", "mean", -1, 8], ["a", "b", "fixed", 0, 8],
    ]  # fmt: skip
    assert caplog.messages == [
        "systems of different protocols are not compared: c, d transductive; a, b speaker_independent"
    ]
    alone = paired.pairs({"a": a, "b": b}, {}, mean_value, SCORING, 0)
    pd.testing.assert_frame_equal(table[2:].reset_index(drop=True), alone)


def test_of_one_system_there_is_no_pair(caplog):
    for systems in (
        {},
        {"a": eval_of(1.0)},
        {"a": eval_of(1.0), "b": {"eval": eval_of(1.0)["eval"].assign(protocol="leaky")}},
    ):
        table = paired.pairs(systems, {}, mean_value, SCORING, 0)
        assert table.empty and list(table) == list(paired.COLUMNS)


def test_a_task_without_labels_is_compared_all_the_same():
    without = [{"eval": eval_of(value)["eval"].drop(columns="label")} for value in (3.0, 1.0)]
    assert compare(*without)["difference"] == 2
