import logging
import re

import numpy as np
import pandas as pd
import pytest

from voxdag.core import streams
from voxdag.data.members import Member
from voxdag.scoring import dcf, eer, members, tdcf
from voxdag.scoring.intervals import bootstrap
from voxdag.tasks.antispoof import metrics
from voxdag.tasks.antispoof.criteria import criteria

QUICK = metrics.Scoring(replicates=40, confidence=0.9, by=("attack",))
ATTACKS = ("A07", "A08")


def predictions(seed=0, bonafide=60, spoof=90, speakers=6):
    rng = np.random.default_rng(seed)
    n = bonafide + 2 * spoof
    table = pd.DataFrame(
        {
            "id": [f"u{trial:04d}" for trial in range(n)],
            "speaker": [f"s{number}" for number in rng.integers(speakers, size=n)],
            "label": ["bonafide"] * bonafide + ["spoof"] * 2 * spoof,
            "attack": [None] * bonafide + [attack for attack in ATTACKS for _ in range(spoof)],
            "codec": rng.choice(["none", "opus"], size=n),
            "score": np.concatenate([rng.normal(2, 1, bonafide), rng.normal(0, 1, spoof), rng.normal(1, 1, spoof)]),
        }
    )
    return table.sample(frac=1, random_state=1).reset_index(drop=True)


def asv_scores(seed=0):
    rng = np.random.default_rng(seed)
    keys = np.repeat(["target", "nontarget", "spoof", "spoof"], [80, 200, 100, 100])
    means = np.repeat([4.0, 0.0, 4.0, 1.0], [80, 200, 100, 100])
    attacks = np.repeat([None, None, *ATTACKS], [80, 200, 100, 100])
    return pd.DataFrame({"split": "eval", "attack": attacks, "key": keys, "score": rng.normal(means)})


def scores(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table["score"].to_numpy()


def rates(asv, attack=None):
    spoof = scores(asv, key="spoof") if attack is None else scores(asv, key="spoof", attack=attack)
    return tdcf.asv_rates(scores(asv, key="target"), scores(asv, key="nontarget"), spoof)


def test_headline_is_what_each_metric_gives():
    table, asv = predictions(), asv_scores()
    pair = scores(table, label="bonafide"), scores(table, label="spoof")
    assert metrics.headline(table, asv) == pytest.approx(
        {
            "eer": eer.eer(*pair).eer,
            "eer_sd": None,
            "min_tdcf_legacy2019": tdcf.min_tdcf(*pair, rates(asv), "legacy2019")[0],
            "min_tdcf_revised2021": tdcf.min_tdcf(*pair, rates(asv), "revised2021")[0],
            "min_dcf": dcf.min_dcf(*pair)[0],
            "act_dcf": dcf.act_dcf(*pair),
            "cllr": dcf.cllr(*pair),
        },
        abs=1e-12,
    )
    auc = metrics.member_values(table, asv).set_index("metric")["value"]["auc"]
    assert auc == pytest.approx(eer.auc(*pair), abs=1e-12)


def test_every_replicate_is_the_metrics_of_the_resampled_table():
    trials, asv = metrics.ranked(predictions()), asv_scores()
    counts = np.random.default_rng(2).integers(0, 3, len(trials))
    resampled = trials.loc[trials.index.repeat(counts)].assign(id=range(counts.sum()))
    scores = metrics.statistic(trials, asv)
    assert scores.metrics == list(scores.mean(counts)) and set(scores.metrics) == set(metrics.OF_SCORES.metrics)
    expected = metrics.statistic(resampled, asv).mean() | {"min_cllr": np.nan}  # of the rows themselves alone
    assert scores.mean(counts) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_draw_without_a_class_is_not_scored():
    trials = metrics.ranked(predictions())
    scorer = metrics.Scorer(trials, {})
    for label in metrics.CLASSES:
        assert scorer((trials["label"] == label).to_numpy(int)) == {}


def test_the_order_of_rows_does_not_matter():
    table = predictions()
    assert metrics.headline(table[::-1], asv_scores()) == pytest.approx(
        metrics.headline(table, asv_scores()), abs=1e-12
    )


def test_without_asv_scores_the_tandem_cost_is_undefined_and_the_rest_is_not():
    with_asv, without = (metrics.headline(predictions(), asv) for asv in (asv_scores(), metrics.NO_ASV))
    undefined = {"min_tdcf_legacy2019": None, "min_tdcf_revised2021": None}
    assert without == with_asv | undefined
    assert (
        criteria(predictions(), None)
        == criteria(predictions(), metrics.NO_ASV)
        == {"eer": with_asv["eer"], "min_tdcf": None}
    )


def test_criteria_are_eer_and_the_legacy_form():
    table, asv = predictions(), asv_scores()
    headline = metrics.headline(table, asv)
    assert criteria(table, asv) == {"eer": headline["eer"], "min_tdcf": headline["min_tdcf_legacy2019"]}


def test_a_network_that_gives_all_one_score_has_the_worst_criteria_not_an_error():
    # NaN: dev does define a t-DCF, and None would end a training that stops by it
    assert criteria(predictions().assign(score=0.5), asv_scores()) == {
        "eer": 1.0,
        "min_tdcf": pytest.approx(np.nan, nan_ok=True),
    }


def test_an_asv_system_that_no_spoof_passes_has_no_legacy_cost(caplog):
    asv = asv_scores()
    asv.loc[asv["key"] == "spoof", "score"] = -100.0
    headline = metrics.headline(predictions(), asv)
    assert headline["min_tdcf_legacy2019"] is None
    assert headline["min_tdcf_revised2021"] is not None
    assert "all attacks: the legacy2019 t-DCF is not defined" in caplog.text
    for table in (predictions(), predictions().assign(score=0.5)):
        assert criteria(table, asv)["min_tdcf"] is None
    assert "dev defines no t-DCF: the legacy2019 t-DCF is not defined" in caplog.text


def test_inverted_scores_are_reported_not_flipped(caplog):
    table = predictions()
    headline = metrics.headline(table.assign(score=-table["score"]), asv_scores())
    assert headline["eer"] > 0.5
    warning = f"EER of all trials is {headline['eer']:.4f}, above 0.5 by more than chance: the sign of the scores may"
    assert caplog.text.count(warning) == 1


def test_inverted_members_are_named_in_one_line(caplog):
    table = predictions()
    seeds = [table.assign(seed=seed, score=sign * table["score"]) for seed, sign in ((1, -1), (2, 1), (3, -1))]
    metrics.headline(pd.concat(seeds), metrics.NO_ASV)
    assert len(caplog.records) == 1
    assert re.search(r"EER of seed 1 is 0\.\d{4}, seed 3 is 0\.\d{4}, above 0\.5", caplog.text)


def test_chance_and_small_groups_earn_no_warning(caplog):
    # Of 200 systems that know nothing about half have an EER above 0.5; 4 sd below chance one in 30,000 is.
    draw = np.random.default_rng(0)
    table = predictions()
    rates = [
        metrics.headline(table.assign(score=draw.normal(size=len(table))), metrics.NO_ASV)["eer"] for _ in range(200)
    ]
    assert sum(rate > 0.5 for rate in rates) > 60
    pair = pd.DataFrame({"id": ["a", "b", "c"], "label": ["bonafide", "spoof", "spoof"], "score": [0.0, 1.0, 2.0]})
    few = metrics.headline(pair.assign(speaker="s", attack="A07"), metrics.NO_ASV)
    assert few["eer"] == 1
    # one attack of many is heard the wrong way round: a group has its row, and no warning
    upside_down = table.assign(score=table["score"].mask(table["attack"] == "A08", 100.0))
    rows = metrics.breakdown(upside_down, metrics.NO_ASV, ["attack", "speaker"], QUICK, 0)
    assert (rows["eer"] > 0.5).any()
    assert caplog.text == ""


def test_upright_scores_earn_no_warning(caplog):
    caplog.set_level(logging.INFO)
    metrics.headline(predictions(), asv_scores())
    assert caplog.text == ""


def test_intervals_hold_their_value_by_utterance_and_by_speaker():
    table = metrics.intervals(predictions(), asv_scores(), QUICK, seed=0)
    assert list(table) == [
        "metric", "fold", "seed", "value", "sd", "low", "high", "resampled_by", "replicates", "members", "n_bonafide",
        "n_spoof",
    ]  # fmt: skip
    assert table.groupby("resampled_by")["metric"].apply(list).to_dict() == {
        by: list(metrics.OF_SCORES.metrics) for by in ("utterance", "speaker")
    }
    drawn = table[table["metric"] != "min_cllr"]
    assert (drawn["low"] <= drawn["value"]).all() and (drawn["value"] <= drawn["high"]).all()
    assert table.loc[table["metric"] == "min_cllr", ["low", "high"]].isna().all(axis=None)
    assert table[["fold", "seed", "sd"]].isna().all(axis=None)
    assert set(table["members"]) == {1}
    assert set(table["n_bonafide"]) == {60}
    assert set(table["n_spoof"]) == {180}


def test_the_draws_of_intervals_are_those_of_ranked_trials():
    trials = metrics.ranked(predictions())
    for by, clusters in (("utterance", None), ("speaker", trials["speaker"])):
        rng = streams.generator(5, "intervals", by)
        scorer = metrics.Scorer(trials, {})
        expected = bootstrap(scorer, trials["label"], rng, QUICK.replicates, QUICK.confidence, clusters)["eer"]
        table = metrics.intervals(predictions(), metrics.NO_ASV, QUICK, seed=5).query("metric == 'eer'")
        row = table.set_index("resampled_by").loc[by]
        assert tuple(row[["low", "high"]]) == pytest.approx(expected, abs=1e-12)


def test_one_seed_gives_one_table():
    first, again, other = (metrics.intervals(predictions(), asv_scores(), QUICK, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("speakers", [None, "s1"])
def test_without_two_speakers_there_is_no_interval_by_speaker(speakers):
    table = metrics.intervals(predictions().assign(speaker=speakers), asv_scores(), QUICK, seed=0)
    by = table[table["metric"] != "min_cllr"].set_index("resampled_by")[["low", "high"]]
    assert by.loc["speaker"].isna().all(axis=None)
    assert by.loc["utterance"].notna().all(axis=None)


def test_each_attack_is_scored_against_all_bona_fide_speech_and_its_own_asv_trials():
    table, asv = predictions(), asv_scores()
    rows = metrics.breakdown(table, asv, ["attack"], QUICK, seed=0).set_index("value")
    for attack in ATTACKS:
        pair = scores(table, label="bonafide"), scores(table, attack=attack)
        row = rows.loc[attack]
        assert (row["n_bonafide"], row["n_spoof"]) == (60, 90)
        assert row["eer"] == eer.eer(*pair).eer
        for form in tdcf.FORMS:
            assert row[f"min_tdcf_{form}"] == tdcf.min_tdcf(*pair, rates(asv, attack), form)[0]
            assert row[f"min_tdcf_{form}"] != tdcf.min_tdcf(*pair, rates(asv), form)[0]
        assert row["eer_low"] <= row["eer"] <= row["eer_high"]


def test_groups_of_other_columns_take_the_asv_rates_of_all_attacks():
    table, asv = predictions(), asv_scores()
    rows = metrics.breakdown(table, asv, ["attack", "codec"], QUICK, seed=0).set_index(["column", "value"])
    assert list(rows.index) == [("attack", "A07"), ("attack", "A08"), ("codec", "none"), ("codec", "opus")]
    pair = scores(table, label="bonafide", codec="opus"), scores(table, label="spoof", codec="opus")
    assert rows.loc[("codec", "opus"), "n_spoof"] == pair[1].size
    assert rows.loc[("codec", "opus"), "min_tdcf_legacy2019"] == tdcf.min_tdcf(*pair, rates(asv), "legacy2019")[0]


def test_a_group_does_not_depend_on_the_other_columns():
    table, asv = predictions(), asv_scores()
    alone, beside = (metrics.breakdown(table, asv, by, QUICK, seed=0) for by in (["codec"], ["attack", "codec"]))
    pd.testing.assert_frame_equal(alone, beside[beside["column"] == "codec"].reset_index(drop=True))


def test_a_group_of_one_class_has_counts_and_no_metrics(caplog):
    table = predictions()
    table["codec"] = table["codec"].where(table["label"] == "spoof", "none")
    rows = metrics.breakdown(table, asv_scores(), ["codec"], QUICK, seed=0, thresholds={Member(): 1.0}).set_index(
        "value"
    )
    opus = rows.loc["opus"]
    assert (opus["n_bonafide"], opus["n_spoof"]) == (0, (table["codec"] == "opus").sum())
    assert (opus["members"], rows.loc["none", "members"]) == (0, 1)
    assert opus[["eer", "eer_low", "min_tdcf_legacy2019", "auc", "cllr", "miss_rate"]].isna().all()
    assert opus["false_alarm_rate"] == np.mean(scores(table, codec="opus") > 1)
    assert rows.loc["none"].notna().all()
    assert "codec opus has no metrics: every class needs at least one score: found 0 bona fide and" in caplog.text


def test_an_attack_without_asv_trials_has_no_tandem_cost():
    asv = asv_scores()
    rows = metrics.breakdown(predictions(), asv[asv["attack"] != "A08"], ["attack"], QUICK, seed=0).set_index("value")
    assert np.isnan(rows.loc["A08", "min_tdcf_legacy2019"])
    assert rows.loc["A08", ["eer", "eer_low", "auc"]].notna().all()
    assert rows.loc["A07"].notna().all()


def test_error_rates_at_a_threshold_from_dev():
    table = predictions()
    row = metrics.breakdown(table, metrics.NO_ASV, ["attack"], QUICK, seed=0, thresholds={Member(): 0.7}).iloc[0]
    assert row["miss_rate"] == pytest.approx(np.mean(scores(table, label="bonafide") <= 0.7))
    assert row["false_alarm_rate"] == pytest.approx(np.mean(scores(table, attack="A07") > 0.7))


def test_the_equal_error_threshold_of_a_set_gives_its_equal_error_rates():
    # Without ties, rejecting scores up to and including the EER threshold is the EER's own operating point.
    table = predictions()
    table = table[table["attack"] != "A08"]
    point = eer.eer(scores(table, label="bonafide"), scores(table, label="spoof"))
    thresholds = {Member(): point.threshold}
    row = metrics.breakdown(table, metrics.NO_ASV, ["attack"], QUICK, seed=0, thresholds=thresholds).iloc[0]
    assert (row["miss_rate"] + row["false_alarm_rate"]) / 2 == pytest.approx(point.eer, abs=1e-12)


def test_a_column_without_values_adds_no_row_but_keeps_the_columns():
    rows = metrics.breakdown(predictions().assign(codec=None), metrics.NO_ASV, ["codec"], QUICK, seed=0)
    assert len(rows) == 0
    assert {"column", "value", "eer", "eer_low", "eer_high"} <= set(rows)


def test_faults_are_refused_with_the_utterance():
    table, asv = predictions(), asv_scores()
    with pytest.raises(ValueError, match="no column noise; they have id, speaker"):
        metrics.breakdown(table, asv, ["noise"], QUICK, seed=0)
    with pytest.raises(
        ValueError, match=r"60 of 240 predictions are none of bonafide, spoof: utterance u.* has label bona-fide"
    ):
        metrics.headline(table.replace({"label": {"bonafide": "bona-fide"}}), asv)
    broken = table.assign(score=table["score"].where(table["id"] != "u0007"))
    with pytest.raises(ValueError, match="1 of 240 predictions are not finite: utterance u0007 has score nan"):
        metrics.breakdown(broken, asv, ["attack"], QUICK, seed=0)
    with pytest.raises(ValueError, match="60 bona fide and 0 spoof"):
        metrics.headline(table[table["label"] == "bonafide"], asv)
    with pytest.raises(ValueError, match=r"240 trials have 2 distinct scores \(0.0, 1.0\), expected at least 3"):
        metrics.headline(table.assign(score=(table["score"] > 1).astype(float)), asv)
    with pytest.raises(ValueError, match="0 target and 200 nontarget"):
        metrics.headline(table, asv[asv["key"] != "target"])
    with pytest.raises(
        ValueError, match="1 of 241 predictions are of an utterance that its .* already have: utterance u"
    ):
        metrics.headline(pd.concat([table, table.head(1)]), asv)
    with pytest.raises(ValueError, match="no rows"):
        metrics.intervals(table.head(0), asv, QUICK, seed=0)
    with pytest.raises(ValueError, match="no column speaker; they have id, label"):
        metrics.intervals(table.drop(columns="speaker"), asv, QUICK, seed=0)
    with pytest.raises(ValueError, match="no threshold for fold 2: dev has none of these members"):
        two = pd.concat([table.assign(fold="1"), table.assign(fold="2")])
        metrics.breakdown(two, asv, ["attack"], QUICK, seed=0, thresholds={Member("1"): 0.5})
    with pytest.raises(ValueError, match="protocol is easy: expected one of speaker_independent, leaky"):
        metrics.intervals(table.assign(protocol="easy"), asv, QUICK, seed=0)


# Two members that tell every trial apart, with scores 5 apart: pooled, the bona fide speech of fold 1 (1, 2) lies below
# the spoofs of fold 2 (4, 5), and half of each class is on the wrong side of any threshold between them.
SHIFTED = pd.DataFrame(
    [
        (f"{fold}{kind}{i}", fold, f"s{i}", label, attack, shift + score)
        for fold, shift in (("1", 0.0), ("2", 5.0))
        for kind, label, attack, levels in (("b", "bonafide", None, (1, 2)), ("s", "spoof", "A07", (-1, 0)))
        for i, score in enumerate(levels)
    ],
    columns=["id", "fold", "speaker", "label", "attack", "score"],
)


def test_members_of_shifted_scores_are_not_pooled():
    asv, pooled = asv_scores(), SHIFTED.drop(columns="fold")
    assert metrics.headline(pooled, asv)["eer"] == 0.5
    values = metrics.headline(SHIFTED, asv)
    alone = [metrics.headline(rows, asv) for rows in members.split(SHIFTED).values()]
    assert (values["eer"], values["eer_sd"], values["min_tdcf_legacy2019"], values["min_dcf"]) == (0, 0, 0, 0)
    assert values["min_tdcf_revised2021"] == alone[0]["min_tdcf_revised2021"] < 1

    # Cllr of fold 1: (log2(1 + e^-1) + log2(1 + e^-2) + log2(1 + e^-1) + log2(1 + e^0)) / 4 for bona fide scores 1, 2
    # and spoof scores -1, 0; fold 2 has 6, 7 and 4, 5.
    def bits(*arguments):
        return sum(np.log2(1 + np.exp(x)) for x in arguments) / 4

    by_fold = [bits(-1, -2, -1, 0), bits(-6, -7, 4, 5)]
    assert [rows["cllr"] for rows in alone] == pytest.approx(by_fold, abs=1e-12)
    assert values["cllr"] == pytest.approx(np.mean(by_fold), abs=1e-12)
    # a mean over trials, it is the same of the pooled ones where members have as many
    assert dcf.cllr(scores(pooled, label="bonafide"), scores(pooled, label="spoof")) == pytest.approx(values["cllr"])


def test_intervals_without_an_error_are_exact_in_the_mean_and_in_each():
    table = metrics.intervals(SHIFTED, asv_scores(), QUICK, seed=0)
    assert table["fold"].fillna("").drop_duplicates().tolist() == ["", "1", "2"]
    assert set(table["members"][table["fold"].isna()]) == {2}
    assert set(table["members"][table["fold"].notna()]) == {1}
    eers = table[table["metric"] == "eer"]
    assert len(eers) == 6
    assert (eers[["value", "low"]] == 0).all(axis=None)
    # 4 bona fide and 4 spoofed trials, 2 of each in a member, and both speakers: 5 % for none of n is 1 - .05^(1/n)
    assert eers["high"].tolist() == pytest.approx([1 - 0.05 ** (1 / n) for n in (4, 2, 2, 2, 2, 2)])
    aucs = table[table["metric"] == "auc"]
    assert (aucs[["value", "high"]] == 1).all(axis=None)
    assert aucs["low"].tolist() == pytest.approx((1 - eers["high"]).tolist())
    costs = table[table["metric"].isin(["min_dcf", "min_tdcf_legacy2019"])]
    assert len(costs) == 12 and costs[["low", "high"]].isna().all(axis=None)  # no shares: nothing is known
    assert eers["sd"].fillna(-1).tolist() == [0, 0, -1, -1, -1, -1]
    assert eers["n_bonafide"].tolist() == [4, 4, 2, 2, 2, 2]


def test_breakdown_of_shifted_members_takes_each_at_its_own_threshold():
    thresholds = {Member("1"): 0.5, Member("2"): 5.5}
    by = ["attack", "fold", "speaker"]
    rows = metrics.breakdown(SHIFTED, asv_scores(), by, QUICK, 0, thresholds).set_index(["column", "value"])
    assert rows.index.tolist() == [
        ("attack", "A07"), ("fold", "1"), ("fold", "2"), ("speaker", "s0"), ("speaker", "s1"),
    ]  # fmt: skip
    numbers = ["members", "n_spoof", "eer", "eer_low", "eer_high", "min_tdcf_legacy2019", *metrics.ERROR_RATES]
    assert rows.loc[("attack", "A07"), numbers].tolist() == pytest.approx([2, 4, 0, 0, 1 - 0.05**0.25, 0, 0, 0])
    assert rows.loc[("fold", "2"), numbers].tolist() == pytest.approx([1, 2, 0, 0, 1 - 0.05**0.5, 0, 0, 0])
    # one threshold for both: fold 1 at 5.5 rejects all its bona fide speech, fold 2 none; at .5 fold 2 accepts all
    # its spoofs, fold 1 none.
    one, other = (metrics.breakdown(SHIFTED, metrics.NO_ASV, ["attack"], QUICK, 0, dict.fromkeys(thresholds, level))
                  for level in (5.5, 0.5))  # fmt: skip
    assert one[[*metrics.ERROR_RATES]].iloc[0].tolist() == [0.5, 0]
    assert other[[*metrics.ERROR_RATES]].iloc[0].tolist() == [0, 0.5]
    # two trials of a speaker in a fold are no scores for a t-DCF, and so no metrics
    assert rows.loc[("speaker", "s0"), ["members", "n_bonafide", "miss_rate"]].tolist() == [0, 2, 0]


def test_seeds_are_members_on_the_same_utterances():
    table = predictions()
    worse = table.assign(score=table["score"] + np.random.default_rng(4).normal(size=len(table)))
    both = pd.concat([table.assign(seed=1), worse.assign(seed=2)])
    first, second = (metrics.headline(rows, asv_scores()) for rows in (table, worse))
    values = metrics.headline(both, asv_scores())
    for metric in metrics.HEADLINE:
        assert values[metric] == pytest.approx((first[metric] + second[metric]) / 2, abs=1e-12)
    assert values["eer_sd"] == pytest.approx(abs(first["eer"] - second["eer"]) / np.sqrt(2), abs=1e-12)
    rows = metrics.intervals(both, asv_scores(), QUICK, seed=0)
    assert rows["seed"].dropna().unique().tolist() == [1, 2]
    assert set(rows["n_spoof"]) == {180}
    seed_2 = rows[(rows["seed"] == 2) & (rows["metric"] == "eer")]
    assert seed_2["value"].tolist() == [second["eer"]] * 2
    assert (seed_2["low"] < seed_2["high"]).all()
    values = metrics.member_values(both, asv_scores())
    assert list(values) == ["metric", "fold", "seed", "value"]
    eers = values[values["metric"] == "eer"]
    assert list(zip(eers["seed"], eers["value"], strict=True)) == [(1, first["eer"]), (2, second["eer"])]
    assert len(values) == 2 * len(metrics.OF_SCORES.metrics)


def test_a_member_that_lacks_a_class_is_named():
    both = pd.concat([predictions().assign(fold="1"), predictions().query("label == 'spoof'").assign(fold="2")])
    with pytest.raises(ValueError, match="fold 2: every class needs at least one score: found 0 bona fide and 180"):
        metrics.headline(both, asv_scores())


def test_a_group_is_the_mean_over_the_members_that_can_score_it(caplog):
    table = predictions()
    both = pd.concat([table.assign(fold="1"), table.assign(fold="2", score=-table["score"])])
    both["codec"] = np.where((both["fold"] == "2") & (both["label"] == "spoof"), "none", "opus")
    rows = metrics.breakdown(both, asv_scores(), ["codec"], QUICK, 0).set_index("value")
    pair = scores(table, label="bonafide"), scores(table, label="spoof")
    assert rows.loc["opus", ["members", "eer"]].tolist() == [1, eer.eer(*pair).eer]
    assert rows.loc["none", ["members", "n_bonafide", "n_spoof"]].tolist() == [0, 0, 180]
    assert rows.loc["none", ["eer", "eer_low"]].isna().all()
    assert "codec opus, fold 2 has no metrics: every class" in caplog.text


def test_groups_are_text_and_numbers_sort_as_numbers():
    table = predictions().assign(snr=np.tile([10.0, 2.5, -5.0, np.nan], 60), codec=np.tile(["010", "001"], 120))
    rows = metrics.breakdown(table, metrics.NO_ASV, ["snr", "codec"], QUICK, 0)
    assert rows["value"].tolist() == ["-5", "2.5", "10", "001", "010"]
    # 60 rows have no SNR: they count in all groups
    assert (rows["n_bonafide"] + rows["n_spoof"])[:3].tolist() == [120, 120, 120]


def test_the_tables_have_the_columns_that_the_report_declares():
    table, asv = predictions(), asv_scores()
    assert list(metrics.intervals(table, asv, QUICK, 0)) == list(metrics.INTERVALS)
    assert list(metrics.breakdown(table, asv, ["attack"], QUICK, 0, {Member(): 0.0})) == list(metrics.BREAKDOWN)


@pytest.mark.parametrize("protocol", ["leaky", "transductive"])
def test_an_easier_protocol_is_in_the_names(protocol):
    table, asv = predictions().assign(protocol=protocol), asv_scores()
    names = {f"{protocol}_{metric}" for metric in metrics.OF_SCORES.metrics}
    assert set(metrics.intervals(table, asv, QUICK, 0)["metric"]) == names
    assert set(metrics.member_values(table, asv)["metric"]) == names
    assert set(metrics.breakdown(table, asv, ["attack"], QUICK, 0)["protocol"]) == {protocol}
