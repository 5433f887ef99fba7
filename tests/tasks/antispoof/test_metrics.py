import logging

import numpy as np
import pandas as pd
import pytest

from voxdag.scoring import dcf, eer, tdcf
from voxdag.tasks.antispoof import metrics
from voxdag.tasks.antispoof.criteria import criteria

QUICK = metrics.Scoring(replicates=40, confidence=0.9)
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
            "min_tdcf_legacy2019": tdcf.min_tdcf(*pair, rates(asv), "legacy2019")[0],
            "min_tdcf_revised2021": tdcf.min_tdcf(*pair, rates(asv), "revised2021")[0],
            "min_dcf": dcf.min_dcf(*pair)[0],
            "act_dcf": dcf.act_dcf(*pair),
            "cllr": dcf.cllr(*pair),
            "auc": eer.auc(*pair),
        },
        abs=1e-12,
    )


def test_every_replicate_is_the_headline_of_the_resampled_table():
    scorer = metrics.Scorer(
        predictions(), {form: tdcf.tandem_weights(rates(asv_scores()), form) for form in tdcf.FORMS}
    )
    counts = np.random.default_rng(2).integers(0, 3, len(scorer.trials))
    resampled = scorer.trials.loc[scorer.trials.index.repeat(counts)]
    assert scorer(counts) == pytest.approx(metrics.headline(resampled, asv_scores()), abs=1e-12)


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
    assert criteria(predictions().assign(score=0.5), asv_scores()) == {"eer": 1.0, "min_tdcf": None}


def test_an_asv_system_that_no_spoof_passes_has_no_legacy_cost(caplog):
    asv = asv_scores()
    asv.loc[asv["key"] == "spoof", "score"] = -100.0
    headline = metrics.headline(predictions(), asv)
    assert headline["min_tdcf_legacy2019"] is None
    assert headline["min_tdcf_revised2021"] is not None
    assert "no legacy2019 t-DCF under all attacks" in caplog.text


def test_inverted_scores_are_reported_not_flipped(caplog):
    table = predictions()
    headline = metrics.headline(table.assign(score=-table["score"]), asv_scores())
    assert headline["eer"] > 0.5
    assert f"EER of all trials is {headline['eer']:.4f}, above 0.5" in caplog.text


def test_upright_scores_earn_no_warning(caplog):
    caplog.set_level(logging.INFO)
    metrics.headline(predictions(), asv_scores())
    assert caplog.text == ""


def test_intervals_hold_their_value_by_utterance_and_by_speaker():
    table = metrics.intervals(predictions(), asv_scores(), QUICK, seed=0)
    assert list(table) == [
        "metric", "value", "low", "high", "resampled_by", "replicates", "n_bonafide", "n_spoof",
    ]  # fmt: skip
    assert table.groupby("resampled_by")["metric"].apply(list).to_dict() == {
        by: list(metrics.METRICS) for by in ("utterance", "speaker")
    }
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert set(table["n_bonafide"]) == {60}
    assert set(table["n_spoof"]) == {180}


def test_one_seed_gives_one_table():
    first, again, other = (metrics.intervals(predictions(), asv_scores(), QUICK, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("speakers", [None, "s1"])
def test_without_two_speakers_there_is_no_interval_by_speaker(speakers):
    table = metrics.intervals(predictions().assign(speaker=speakers), asv_scores(), QUICK, seed=0)
    by = table.set_index("resampled_by")[["low", "high"]]
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
    rows = metrics.breakdown(table, asv_scores(), ["codec"], QUICK, seed=0, threshold=1.0).set_index("value")
    opus = rows.loc["opus"]
    assert (opus["n_bonafide"], opus["n_spoof"]) == (0, (table["codec"] == "opus").sum())
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
    row = metrics.breakdown(table, metrics.NO_ASV, ["attack"], QUICK, seed=0, threshold=0.7).iloc[0]
    assert row["miss_rate"] == pytest.approx(np.mean(scores(table, label="bonafide") <= 0.7))
    assert row["false_alarm_rate"] == pytest.approx(np.mean(scores(table, attack="A07") > 0.7))


def test_the_equal_error_threshold_of_a_set_gives_its_equal_error_rates():
    # Without ties, rejecting scores up to and including the EER threshold is the EER's own operating point.
    table = predictions()
    table = table[table["attack"] != "A08"]
    point = eer.eer(scores(table, label="bonafide"), scores(table, label="spoof"))
    row = metrics.breakdown(table, metrics.NO_ASV, ["attack"], QUICK, seed=0, threshold=point.threshold).iloc[0]
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
        ValueError, match=r"60 of 240 labels are unknown: utterance u.* has 'bona-fide', expected one of"
    ):
        metrics.headline(table.replace({"label": {"bonafide": "bona-fide"}}), asv)
    broken = table.assign(score=table["score"].where(table["id"] != "u0007"))
    with pytest.raises(ValueError, match="1 of 240 scores are not finite: utterance u0007 has nan"):
        metrics.breakdown(broken, asv, ["attack"], QUICK, seed=0)
    with pytest.raises(ValueError, match="60 bona fide and 0 spoof"):
        metrics.headline(table[table["label"] == "bonafide"], asv)
    with pytest.raises(ValueError, match=r"240 trials have 2 distinct scores \(0.0, 1.0\), expected at least 3"):
        metrics.headline(table.assign(score=(table["score"] > 1).astype(float)), asv)
    with pytest.raises(ValueError, match="0 target and 200 nontarget"):
        metrics.headline(table, asv[asv["key"] != "target"])
