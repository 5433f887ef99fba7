import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from voxdag.core import artifacts, streams
from voxdag.scoring import calibration
from voxdag.scoring.intervals import bootstrap
from voxdag.scoring.protocol import PREFIXES
from voxdag.tasks import results
from voxdag.tasks.emotion import metrics, report, score_file
from voxdag.tasks.emotion.criteria import HIGHER, criteria, temperature

CLASSES = ("neutral", "happy", "sad", "angry")
BY = ("class", "fold", "speaker", "sex", "intensity", "sentence")
QUICK = metrics.Scoring(replicates=40, confidence=0.9, by=BY)
INDEPENDENT = "speaker_independent"


def predictions(seed=0, n=240, folds=3, speakers=6, protocol=INDEPENDENT):
    """Utterances of speakers s1, s2, ..., dealt to folds 1, 2, ...; the temperature of the logits is 2."""
    rng = np.random.default_rng(seed)
    speaker = np.arange(n) % speakers
    actual = rng.integers(len(CLASSES), size=n)
    logits = 2 * (rng.normal(size=(n, len(CLASSES))) + 1.5 * np.eye(len(CLASSES))[actual])
    names = np.array(CLASSES)
    table = pd.DataFrame(
        {
            "id": [f"u{row:04d}" for row in range(n)],
            "fold": [str(number % folds + 1) for number in speaker],
            "protocol": protocol,
            "speaker": [f"s{number + 1}" for number in speaker],
            "sex": np.where(speaker % 2, "f", "m"),
            "intensity": np.where(rng.random(n) < 0.5, "strong", None),
            "sentence": rng.choice(["dogs", "kids"], n),
            "label": names[actual],
            "predicted": names[logits.argmax(axis=1)],
        }
    )
    table = table.join(pd.DataFrame(softmax(logits / 2, axis=1), columns=[f"p_{name}" for name in CLASSES]))
    return table.join(pd.DataFrame(logits, columns=[f"logit_{name}" for name in CLASSES]))


def decisions(rows, classes=("a", "b")):
    """Rows of (fold, speaker, label, predicted), sure of what they predict."""
    table = pd.DataFrame(rows, columns=["fold", "speaker", "label", "predicted"])
    table = table.assign(id=[f"u{row}" for row in range(len(rows))], protocol=INDEPENDENT)
    for name in classes:
        table[f"p_{name}"] = (table["predicted"] == name).astype(float)
        table[f"logit_{name}"] = 0.0
    return table


def both(table):
    return {"dev": predictions(seed=9, protocol=table["protocol"].iloc[0]), "eval": table}


# Fold 1: a a a b, all right but the b: UAR 1/2, WAR 3/4, F1 of a 6/7, of b 0. Fold 2: a b, both right: 1, 1, 1.
TWO_FOLDS = decisions([("1", "s", "a", "a")] * 3 + [("1", "s", "b", "a"), ("2", "t", "a", "a"), ("2", "t", "b", "b")])


def test_headline_is_the_mean_over_folds_by_hand():
    values = metrics.headline(TWO_FOLDS)
    # All six together have UAR (1 + 1/2) / 2 = 3/4 too, but WAR 5/6 and not 7/8. Decisions are sure: of 4 in fold 1 one
    # is wrong, ECE 1/4, in fold 2 none. Logits of 0 give every class 1/2, and the first class is right 3 times of 4,
    # |3/4 - 1/2| = 1/4, and once of 2, 0.
    expected = {
        "uar": 3 / 4,
        "uar_sd": 0.5 / np.sqrt(2),
        "war": 7 / 8,
        "macro_f1": (3 / 7 + 1) / 2,
        "ece": 1 / 8,
        "ece_uncalibrated": 1 / 8,
    }
    assert values == pytest.approx(expected, abs=1e-12)


def test_headline_is_what_scikit_learn_says_of_each_fold():
    table = predictions()
    folds = [fold for _, fold in table.groupby("fold")]
    pairs = [(fold["label"], fold["predicted"]) for fold in folds]
    values = metrics.headline(table)
    assert values["uar"] == pytest.approx(np.mean([balanced_accuracy_score(*pair) for pair in pairs]), abs=1e-12)
    assert values["uar_sd"] == pytest.approx(np.std([balanced_accuracy_score(*p) for p in pairs], ddof=1), abs=1e-12)
    assert values["war"] == pytest.approx(np.mean([accuracy_score(*pair) for pair in pairs]), abs=1e-12)
    assert values["macro_f1"] == pytest.approx(np.mean([f1_score(*p, average="macro") for p in pairs]), abs=1e-12)
    labels = [fold["label"].map(CLASSES.index).to_numpy() for fold in folds]
    calibrated = [fold[[f"p_{name}" for name in CLASSES]].to_numpy() for fold in folds]
    raw = [softmax(fold[[f"logit_{name}" for name in CLASSES]].to_numpy(), axis=1) for fold in folds]
    for metric, probabilities in (("ece", calibrated), ("ece_uncalibrated", raw)):
        expected = np.mean([calibration.ece(*pair) for pair in zip(probabilities, labels, strict=True)])
        assert values[metric] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("fixed", [{"fold": ""}, {"fold": None}, {}])
def test_a_fixed_split_is_one_fold_without_a_spread(fixed, tmp_path):
    table = predictions().drop(columns="fold").assign(**fixed)
    values = metrics.headline(table)
    assert values["uar_sd"] is None
    assert values["uar"] == pytest.approx(balanced_accuracy_score(table["label"], table["predicted"]), abs=1e-12)
    assert metrics.intervals(table, QUICK, 0)["fold"].isna().all()
    assert "fold" not in set(metrics.breakdown(table, BY, QUICK, 0)["column"])
    score_file.write(tmp_path / "eval.txt", table)
    assert (tmp_path / "eval.txt").read_text().startswith("u0000 ")


@pytest.mark.parametrize("protocol", PREFIXES)
def test_every_name_says_under_which_protocol_it_was_measured(protocol):
    table = both(predictions(protocol=protocol))
    prefix = {INDEPENDENT: ""}.get(protocol, f"{protocol}_")
    values = report.headline(table, {})
    names = ("uar", "uar_sd", "war", "macro_f1", "ece", "ece_uncalibrated", "dev_uar")
    assert set(values) == {prefix + name for name in names}
    assert set(report.intervals(table, {}, QUICK, 0)["metric"]) == {
        prefix + name for name in ("uar", "war", "macro_f1", "ece", "ece_uncalibrated")
    }
    assert set(report.breakdown(table, {}, QUICK, 0)["protocol"]) == {protocol}


def test_dev_uar_is_the_mean_over_folds_of_the_criterion():
    table = both(predictions())
    expected = np.mean([criteria(fold)["uar"] for _, fold in table["dev"].groupby("fold")])
    assert report.headline(table, {})["dev_uar"] == pytest.approx(expected, abs=1e-12)


def test_criteria_by_hand():
    # UAR 3/4; logits of 0 over two classes cost log 2.
    assert criteria(TWO_FOLDS) == pytest.approx({"uar": 0.75, "loss": np.log(2)}, abs=1e-12)
    assert set(HIGHER) == {"uar"}


def test_the_loss_criterion_sees_uncalibrated_logits_alone():
    table = predictions()
    sharper = table.assign(**{f"logit_{name}": 5 * table[f"logit_{name}"] for name in CLASSES})
    assert criteria(sharper)["loss"] > criteria(table)["loss"]
    assert criteria(table.drop(columns=[f"p_{name}" for name in CLASSES])) == criteria(table)


def test_the_temperature_of_the_logits_is_recovered():
    # Classes differ by 1.5 in the mean of unit Gaussians, so their posterior has logits 1.5 x, and these here are 2 x:
    # T = 4/3. Its relative sd is 1/sqrt(n v), v = mean variance of the logits under the posterior, here above .3: at
    # n = 4,000 it is 3 %; 4 sd allowed.
    assert temperature(predictions(n=4000)) == pytest.approx(4 / 3, rel=0.12)


def test_the_order_of_rows_does_not_matter():
    assert metrics.headline(predictions()[::-1]) == pytest.approx(metrics.headline(predictions()), abs=1e-12)


@pytest.mark.parametrize("statistic", ["__call__", "by_class"])
def test_every_replicate_is_the_metric_of_the_resampled_table(statistic):
    table, counts = predictions(), np.random.default_rng(2).integers(0, 3, 240)
    replicate = getattr(metrics.Scorer(table), statistic)(counts)
    resampled = getattr(metrics.Scorer(table.loc[table.index.repeat(counts)]), statistic)()
    assert replicate == pytest.approx(resampled, abs=1e-12)


def test_a_fold_weighs_as_its_utterances_were_drawn_by_hand():
    # Three folds of one speaker and four utterances each, UAR 0, 1/2 and 1. Drawing speakers u, u and w must give
    # the mean of their values, and no draw at all the mean over folds.
    rows = [(fold, fold, label, hit) for fold in "uvw" for label, hit in zip("aabb", "bbaa", strict=True)]
    table = decisions(rows)
    table.loc[table["fold"] == "w", "predicted"] = table["label"]
    table.loc[table["fold"] == "v", "predicted"] = "a"
    scores = metrics.statistic(table)
    assert scores.mean()["uar"] == pytest.approx(1 / 2)
    assert scores.mean(np.repeat([2, 0, 1], 4))["uar"] == pytest.approx(1 / 3)
    interval = metrics.intervals(table, QUICK, 0).query("metric == 'uar' and resampled_by == 'speaker' and fold.isna()")
    # With means of three of {0, 1/2, 1}, percentiles of 40 replicates lie between sixths, all within 0..1.
    assert 0 <= interval["low"].item() < 1 / 2 < interval["high"].item() <= 1


def test_intervals_hold_their_value_by_utterance_and_by_speaker_and_in_every_fold():
    table = metrics.intervals(predictions(), QUICK, seed=0)
    names = ["uar", "war", "macro_f1", "ece", "ece_uncalibrated"]
    assert list(table) == list(metrics.INTERVALS) == [
        "metric", "fold", "seed", "value", "sd", "low", "high", "resampled_by", "replicates", "members", "n",
    ]  # fmt: skip
    for by in ("utterance", "speaker"):
        rows = table[table["resampled_by"] == by]
        assert rows["metric"].tolist() == names * 4
        assert rows["fold"].fillna("").tolist() == [fold for fold in ("", "1", "2", "3") for _ in names]
        assert rows["n"].tolist() == [240] * 5 + [80] * 15
        assert rows["members"].tolist() == [3] * 5 + [1] * 15
        assert rows["sd"].notna().tolist() == [True] * 5 + [False] * 15
        bounded = rows[~rows["metric"].str.startswith("ece")]
        assert (bounded["low"] <= bounded["value"]).all()
        assert (bounded["value"] <= bounded["high"]).all()
        assert rows.loc[rows["metric"].str.startswith("ece"), ["low", "high"]].isna().all(axis=None)


def test_intervals_by_speaker_are_wider_when_speakers_differ():
    # Three speakers are always heard right, three at random: resampling them moves UAR far more than utterances do.
    table = predictions()
    table["predicted"] = table["label"].where(table["speaker"] < "s4", table["predicted"])
    rows = metrics.intervals(table, QUICK, seed=0).query("metric == 'uar' and fold.isna()").set_index("resampled_by")
    width = rows["high"] - rows["low"]
    assert width["speaker"] > 1.5 * width["utterance"]


def test_intervals_of_many_utterances_are_the_normal_ones():
    # One fold, four equal classes, each right with p = 1/2: UAR has variance p(1 - p)/n = .25/4000, sd .0079. The ends
    # at 90 % are 1.64 sd = .013 away, known to about 1.9 sd / sqrt(200) = .001 each; 3 of that allowed.
    n = 4000
    labels = np.array(CLASSES)[np.arange(n) % 4]
    wrong = np.array(CLASSES)[(np.arange(n) + 1) % 4]
    table = predictions(n=n).assign(fold="", label=labels, predicted=np.where(np.arange(n) % 8 < 4, labels, wrong))
    row = metrics.intervals(table, metrics.Scoring(200, 0.9, ()), 0).iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.5, 0.487, 0.513), abs=0.0033)


@pytest.mark.parametrize("speakers", [None, "s1"])
def test_without_two_speakers_there_is_no_interval_by_speaker(speakers):
    table = metrics.intervals(predictions().assign(speaker=speakers), QUICK, seed=0)
    by = table[~table["metric"].str.startswith("ece")].set_index("resampled_by")[["low", "high"]]
    assert by.loc["speaker"].isna().all(axis=None)
    assert by.loc["utterance"].notna().all(axis=None)


@pytest.mark.parametrize("column", ["fold", "seed"])
def test_an_utterance_that_two_members_score_is_resampled_as_one(column):
    # Rotating dev gives an eval utterance several rows, and so do seeds. A second member that says the same must not
    # narrow the interval.
    table = predictions().drop(columns="fold").sort_values("id")
    two = pd.concat([table.assign(**{column: 1}), table.assign(**{column: 2})])
    for by in ("utterance", "speaker"):
        tables = (metrics.intervals(rows, QUICK, 0) for rows in (table, two))
        once, twice = (found[found["resampled_by"] == by].iloc[0] for found in tables)
        assert (once["members"], twice["members"], once["n"], twice["n"]) == (1, 2, 240, 240)
        assert (twice["low"], twice["high"]) == pytest.approx((once["low"], once["high"]), abs=1e-12)


def test_a_metric_of_a_class_is_the_mean_over_the_members_that_define_it():
    # Recall of b: 0 in fold 1, 1 in fold 2. Precision of b: fold 1 never predicts it, so it is that of fold 2 alone.
    rows = metrics.breakdown(TWO_FOLDS, ["class"], QUICK, 0).set_index("value")
    assert rows.loc["b", ["members", "n", "recall", "precision", "f1"]].tolist() == [2, 2, 0.5, 1.0, 0.5]
    only_a = TWO_FOLDS[(TWO_FOLDS["fold"] == "2") | (TWO_FOLDS["label"] == "a")]
    rows = metrics.breakdown(only_a, ["class"], QUICK, 0).set_index("value")
    assert rows.loc["b", ["members", "n", "recall", "f1"]].tolist() == [1, 1, 1.0, 1.0]


def test_groups_of_any_column_are_means_over_members():
    # In the room r fold 1 hears a a b as a a a (UAR 1/2), fold 2 hears b right (1).
    table = TWO_FOLDS.assign(room=["q", "r", "r", "r", "q", "r"], snr=[10.0, 10, 10, 10, 9, 9], seed=[1, 1, 1, 1, 2, 2])
    rows = metrics.breakdown(table, ["room", "snr", "seed", "fold"], QUICK, 0).set_index(["column", "value"])
    assert rows.index.tolist() == [
        ("room", "q"), ("room", "r"), ("snr", "9"), ("snr", "10"), ("seed", "1"), ("seed", "2"), ("fold", "1"),
        ("fold", "2"),
    ]  # fmt: skip
    found = rows.loc[("room", "r"), ["members", "n", "n_classes", "uar", "war"]].tolist()
    assert found == pytest.approx([2, 4, 2, 3 / 4, 5 / 6], abs=1e-12)
    assert rows.loc[("seed", "1"), ["members", "n", "uar"]].tolist() == [1, 4, 0.5]
    assert list(metrics.breakdown(table, ["room"], QUICK, 0)) == list(metrics.BREAKDOWN)


def test_seeds_are_members():
    values = metrics.member_values(TWO_FOLDS.assign(seed=7))
    assert values["metric"].tolist() == list(metrics.MEASURES.metrics) * 2
    uars = values[values["metric"] == "uar"]
    assert uars[["fold", "seed", "value"]].to_numpy().tolist() == [["1", 7, 0.5], ["2", 7, 1.0]]


def test_the_draws_of_intervals_are_those_of_sorted_utterances_and_a_stream_of_no_fold():
    table = predictions().drop(columns="fold").sample(frac=1, random_state=1)
    ordered = table.sort_values("id")
    row = metrics.intervals(table, QUICK, seed=5).iloc[0]
    rng = streams.generator(5, "intervals", "utterance", None)
    expected = bootstrap(metrics.Scorer(ordered), np.zeros(240), rng, QUICK.replicates, QUICK.confidence)["uar"]
    assert tuple(row[["low", "high"]]) == pytest.approx(expected, abs=1e-12)


def test_one_seed_gives_one_table():
    for make in (metrics.intervals, lambda table, scoring, seed: metrics.breakdown(table, BY, scoring, seed)):
        first, again, other = (make(predictions(), QUICK, seed) for seed in (1, 1, 2))
        pd.testing.assert_frame_equal(first, again)
        assert not first.equals(other)


def test_breakdown_scores_each_class_and_each_group():
    table = predictions()
    rows = metrics.breakdown(table, BY, QUICK, seed=0).set_index(["column", "value"])
    assert rows.loc["class"].index.tolist() == list(CLASSES)
    for name in CLASSES:
        row = rows.loc[("class", name)]
        folds = [(fold["label"] == name, fold["predicted"] == name) for _, fold in table.groupby("fold")]
        hits = [(actual & predicted).sum() for actual, predicted in folds]
        assert (row["members"], row["n"]) == (3, sum(actual.sum() for actual, _ in folds))
        for metric, of in (("recall", 0), ("precision", 1)):
            expected = np.mean([hit / pair[of].sum() for hit, pair in zip(hits, folds, strict=True)])
            assert row[metric] == pytest.approx(expected)
        assert row["recall_low"] <= row["recall"] <= row["recall_high"]
        assert row[["uar", "war", "macro_f1"]].isna().all()
    group = table[table["sex"] == "f"]
    row = rows.loc[("sex", "f")]
    assert (row["n"], row["n_classes"]) == (120, 4)
    uars = [balanced_accuracy_score(fold["label"], fold["predicted"]) for _, fold in group.groupby("fold")]
    assert row["uar"] == pytest.approx(np.mean(uars))
    assert row["uar_low"] <= row["uar"] <= row["uar_high"]
    assert row[["precision", "recall", "f1"]].isna().all()


def test_a_row_without_a_value_is_in_no_group():
    table = predictions()
    rows = metrics.breakdown(table, ["intensity"], QUICK, seed=0)
    assert rows["value"].tolist() == ["strong"]
    assert rows["n"].item() == (table["intensity"] == "strong").sum() < 240


@pytest.mark.parametrize("nothing", [None, "", np.nan])
def test_a_column_without_values_adds_no_row_but_keeps_the_columns(nothing):
    rows = metrics.breakdown(predictions().assign(fold=nothing), ["fold"], QUICK, seed=0)
    assert len(rows) == 0
    assert {"protocol", "column", "value", "n", "uar", "uar_low", "recall_high"} <= set(rows)


def test_a_group_does_not_depend_on_the_other_columns():
    alone, beside = (metrics.breakdown(predictions(), by, QUICK, seed=0) for by in (["sex"], BY))
    pd.testing.assert_frame_equal(alone, beside[beside["column"] == "sex"].reset_index(drop=True))


def test_a_group_of_few_classes_is_scored_on_those_it_has():
    table = predictions(folds=1)
    table["sentence"] = np.where(table["label"].isin(["sad", "angry"]), "low", "high")
    row = metrics.breakdown(table, ["sentence"], QUICK, 0).set_index("value").loc["low"]
    recalls = [(g["label"] == g["predicted"]).mean() for name, g in table.groupby("label") if name in ("sad", "angry")]
    assert row["n_classes"] == 2
    assert row["uar"] == pytest.approx(np.mean(recalls))


def test_a_group_of_one_utterance_has_metrics_and_no_interval():
    table = predictions()
    table["sentence"] = np.where(table["id"] == "u0000", "rare", "usual")
    row = metrics.breakdown(table, ["sentence"], QUICK, 0).set_index("value").loc["rare"]
    assert row["uar"] in (0, 1)
    assert np.isnan([row["uar_low"], row["uar_high"]]).all()


def test_a_class_without_support_is_undefined():
    table = predictions()
    table = table[table["label"] != "sad"]
    row = metrics.breakdown(table, ["class"], QUICK, 0).set_index("value").loc["sad"]
    assert (row["n"], row["n_classes"], row["precision"]) == (0, 0, 0)
    assert row[["recall", "recall_low", "f1"]].isna().all()


def test_a_file_of_predictions_gives_the_same_breakdown(tmp_path):
    table = predictions().round(artifacts.DECIMALS)
    artifacts.write_table(tmp_path / "eval.csv", table)
    again = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("emotion"))
    one, other = (metrics.breakdown(rows, BY, QUICK, 0) for rows in (table, again))
    pd.testing.assert_frame_equal(one, other)


def test_the_score_file_has_all_folds_and_there_is_one_for_each_of_several_seeds(tmp_path):
    score_file.write(tmp_path / "alone.txt", TWO_FOLDS)
    both = pd.concat([TWO_FOLDS.assign(seed=1), TWO_FOLDS.assign(seed=2, predicted="sad")])
    score_file.write(tmp_path / "eval.scores.txt", both)
    first, second = (tmp_path / f"eval_seed-{seed}.scores.txt" for seed in (1, 2))
    assert first.read_text() == (tmp_path / "alone.txt").read_text()
    assert [line.split()[2] for line in second.read_text().splitlines()] == ["sad"] * len(TWO_FOLDS)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_score_file_is_the_three_columns_in_order(tmp_path):
    score_file.write(tmp_path / "eval.txt", TWO_FOLDS[::-1])
    assert (tmp_path / "eval.txt").read_text() == "u0 a a\nu1 a a\nu2 a a\nu3 b a\nu4 a a\nu5 b b\n"
    with pytest.raises(ValueError, match="id 'my u' has a space in it"):
        score_file.write(tmp_path / "eval.txt", TWO_FOLDS.assign(id="my u"))


def test_faults_are_refused_with_the_utterance():
    table = predictions()
    with pytest.raises(ValueError, match=r"no column predicted, p_sad; they have id, fold"):
        metrics.headline(table.drop(columns=["predicted", "p_sad"]))
    with pytest.raises(ValueError, match="no column logit_<class>; they have id"):
        criteria(table[["id", "label", "predicted"]])
    with pytest.raises(ValueError, match="no column codec; they have id"):
        metrics.breakdown(table, ["codec"], QUICK, 0)
    with pytest.raises(ValueError, match="no rows"):
        metrics.headline(table.head(0))
    broken = table.assign(label=table["label"].where(table["id"] != "u0007", "bored"))
    with pytest.raises(ValueError, match="1 of 240 predictions are none of neut.*: utterance u0007 has label bored"):
        metrics.intervals(broken, QUICK, 0)
    broken = table.assign(logit_sad=table["logit_sad"].where(table["id"] != "u0008"))
    with pytest.raises(ValueError, match="1 of 240 predictions are not finite: utterance u0008 has .*logit_sad nan"):
        metrics.headline(broken)
    mixed = table.assign(protocol=table["protocol"].where(table["fold"] != "1", "leaky"))
    with pytest.raises(ValueError, match="protocol is leaky and speaker_independent: expected one of speaker_indep"):
        metrics.headline(mixed)
    with pytest.raises(ValueError, match="protocol is honest: expected one of"):
        metrics.breakdown(table.assign(protocol="honest"), BY, QUICK, 0)
    with pytest.raises(ValueError, match="protocol is leaky and speaker_independent"):
        report.headline({"dev": table, "eval": table.assign(protocol="leaky")}, {})
    with pytest.raises(ValueError, match="1 of 241 .* fold and seed already have: utterance u0000 has fold 1"):
        metrics.headline(pd.concat([table, table.head(1)]))
    with pytest.raises(ValueError, match="no column protocol; they have id, fold"):
        metrics.headline(table.drop(columns="protocol"))


def test_intervals_without_an_error_are_exact_and_of_the_smallest_class():
    # 3 of a and 2 of b, all right. 5 % for n hits of n is .05^(1/n): UAR is a mean over classes, of which b has 2.
    right = decisions([("1", "s", "a", "a")] * 2 + [("1", "t", "a", "a")] + [("1", "t", "b", "b")] * 2)
    table = metrics.intervals(right, QUICK, seed=0).set_index(["metric", "resampled_by"])
    expected = {
        ("uar", "utterance"): 1 / 2,
        ("war", "utterance"): 1 / 5,
        ("uar", "speaker"): 1,
        ("war", "speaker"): 1 / 2,
    }
    for row, power in expected.items():
        assert table.loc[row, ["value", "low", "high"]].tolist() == pytest.approx([1, 0.05**power, 1])
    assert table.loc["macro_f1", ["low", "high"]].isna().all(axis=None)  # no share
    rows = metrics.breakdown(right, ["class"], QUICK, 0).set_index("value")
    assert rows["recall_low"].to_dict() == pytest.approx({"a": 0.05 ** (1 / 3), "b": 0.05**0.5})
    assert rows["precision_low"].to_dict() == pytest.approx({"a": 0.05 ** (1 / 3), "b": 0.05**0.5})


def test_a_baseline_that_never_changes_its_answer_has_no_interval_of_its_uar():
    # Whatever speakers are drawn, the answer is right for one class of the two.
    table = decisions([("1", speaker, label, "a") for speaker in "st" for label in "aab"])
    rows = metrics.intervals(table, QUICK, seed=0).set_index(["metric", "resampled_by"])
    assert rows.loc[("uar", "speaker"), "value"] == 0.5
    assert rows.loc[("uar", "speaker"), ["low", "high"]].isna().all()
    by_class = metrics.breakdown(table, ["class"], QUICK, 0).set_index("value")
    # b, of 2: none found is .95 likely up to 1 - sqrt(.05); it is never called, so its precision is not defined
    assert by_class.loc["b", ["recall", "recall_low", "recall_high"]].tolist() == pytest.approx([0, 0, 1 - 0.05**0.5])
    assert by_class.loc["b", ["precision", "precision_low", "precision_high"]].isna().all()
