import numpy as np
import pandas as pd
import pytest

from voxdag.scoring import dcf, eer, llr, paired, tdcf
from voxdag.scoring.tables import Scoring
from voxdag.tasks.antispoof import metrics, report
from voxdag.tasks.antispoof.criteria import criteria, operating_point

SCORING = Scoring(replicates=19, confidence=0.9, by=("attack", "speaker"))
NO_TABLES = {"dev": {}, "eval": {}}


def trials(bonafide, spoof, **columns):
    """Rows of these scores, of two speakers in turn and one attack."""
    scores = [*bonafide, *spoof]
    about = {
        "id": [f"u{row}" for row in range(len(scores))],
        "speaker": [f"s{row % 2}" for row in range(len(scores))],
        "label": ["bonafide"] * len(bonafide) + ["spoof"] * len(spoof),
        "attack": [None] * len(bonafide) + ["A07"] * len(spoof),
        "score": np.array(scores, float),
    }
    return pd.DataFrame(about | columns)


def asv(spoof):
    """ASV trials: targets 2, 3, nontargets 0, 1, and these spoofs."""
    keys = ["target"] * 2 + ["nontarget"] * 2 + ["spoof"] * len(spoof)
    attacks = [None] * 4 + ["A07"] * len(spoof)
    return pd.DataFrame({"split": "dev", "attack": attacks, "key": keys, "score": [2.0, 3.0, 0.0, 1.0, *spoof]})


# Sorted: s0 s1 b1.5 s2 b3 b4. Rejecting the lowest three misses one of three and accepts one of three: EER 1/3, at 1.5.
DEV = trials([1.5, 3, 4], [0, 1, 2])
# At dev's threshold 1.5: bona fide 1 is rejected, spoof 3 accepted, and scores of exactly 1.5 are rejected.
EVAL = trials([1, 1.5, 5, 6], [-1, 0, 1.5, 3])
BOTH = {"dev": DEV, "eval": EVAL}


def test_the_operating_point_is_the_eer_threshold_by_hand():
    assert operating_point(DEV) == 1.5
    assert eer.eer([1.5, 3, 4], [0, 1, 2]) == (pytest.approx(1 / 3), 1.5)


def test_criteria_by_hand():
    # The ASV's threshold is 1, its EER's own point (the last rejected trial): it accepts 1 of 2 nontargets, all targets
    # and the one spoof of 2.5, but not that of .5: Pfa 1/2, Pmiss 0, Pfa_spoof 1/2.
    # C1 = .9405 - .0095 x 10 / 2 = .893, C2 = .05 x 10 / 2 = .25. Of the points of dev (Pmiss, Pfa), rejecting two has
    # (0, 1/3): .25/3 / .25 = 1/3; rejecting four (1/3, 0) costs .893/3 / .25 > 1.
    table = asv([2.5, 0.5])
    assert tdcf.asv_rates([2, 3], [0, 1], [2.5, 0.5])[:3] == (0.5, 0.0, 0.5)
    assert criteria(DEV, table) == pytest.approx({"eer": 1 / 3, "min_tdcf": 1 / 3}, abs=1e-12)


def test_criteria_without_asv_scores_have_no_tandem_cost():
    for table in (None, asv([2.5]).head(0)):
        assert criteria(DEV, table) == {"eer": pytest.approx(1 / 3), "min_tdcf": None}


def test_error_rates_at_the_threshold_of_dev_by_hand():
    rows = report.breakdown(BOTH, NO_TABLES, SCORING, seed=0).set_index(["column", "value"])
    assert rows.index.tolist() == [("attack", "A07"), ("speaker", "s0"), ("speaker", "s1")]
    assert rows.loc[("attack", "A07"), [*metrics.ERROR_RATES]].tolist() == [2 / 4, 1 / 4]
    assert rows.loc[("speaker", "s0"), [*metrics.ERROR_RATES]].tolist() == [1 / 2, 0]  # 1, 5 and -1, 1.5
    assert rows.loc[("speaker", "s1"), [*metrics.ERROR_RATES]].tolist() == [1 / 2, 1 / 2]  # 1.5, 6 and 0, 3


def test_each_member_has_its_own_operating_point():
    # Seed 2's scores are 10 higher on dev and eval alike: at its own threshold it errs as seed 1 does.
    both = {
        split: pd.concat([table.assign(seed=1), table.assign(seed=2, score=table["score"] + 10)])
        for split, table in BOTH.items()
    }
    one, two = (report.breakdown(splits, NO_TABLES, SCORING, seed=0) for splits in (BOTH, both))
    assert set(one["members"]) == {1} and set(two["members"]) == {2}
    for column in ("eer", "n_spoof", *metrics.ERROR_RATES):
        assert one[column].tolist() == two[column].tolist()
    with pytest.raises(ValueError, match="no threshold for seed 2: dev has none"):
        report.breakdown({"dev": both["dev"].query("seed == 1"), "eval": both["eval"]}, NO_TABLES, SCORING, seed=0)


def test_headline_is_eight_numbers_and_without_asv_scores_the_tandem_costs_are_none():
    values = report.headline(BOTH, NO_TABLES)
    assert list(values) == [
        "eer", "min_tdcf_legacy2019", "min_tdcf_revised2021", "min_dcf", "act_dcf", "cllr", "eer_sd", "dev_eer",
    ]  # fmt: skip
    assert (values["min_tdcf_legacy2019"], values["min_tdcf_revised2021"], values["eer_sd"]) == (None, None, None)
    assert values["dev_eer"] == pytest.approx(1 / 3)
    # eval sorted: -1 0 b1 b1.5 s1.5 s3 b5 b6; rejecting four has Pmiss 2/4, Pfa 2/4
    assert values["eer"] == 0.5


def test_the_asv_scores_of_each_split_are_its_own():
    tables = {"dev": {}, "eval": {"asv": asv([2.5, 0.5])}}
    assert report.headline(BOTH, tables)["min_tdcf_legacy2019"] is not None
    assert report.headline(BOTH, {"dev": tables["eval"], "eval": {}})["min_tdcf_legacy2019"] is None
    rows = report.intervals(BOTH, tables, SCORING, 0).set_index("metric")
    assert rows.loc["min_tdcf_legacy2019", "value"].notna().all()


def test_dev_eer_is_the_mean_over_members():
    # Fold 1's dev has EER 1/3 and fold 2's none; pooled, scores 10 apart would have another.
    perfect = trials([14, 15], [10, 11], fold="2")
    both = {"dev": pd.concat([DEV.assign(fold="1"), perfect]), "eval": EVAL.assign(fold="1")}
    assert report.headline(both, NO_TABLES)["dev_eer"] == pytest.approx(1 / 6, abs=1e-12)


def test_an_easier_protocol_is_in_every_name():
    leaky = {split: table.assign(protocol="leaky") for split, table in BOTH.items()}
    assert all(name.startswith("leaky_") for name in report.headline(leaky, NO_TABLES))
    with pytest.raises(ValueError, match="protocol is leaky and speaker_independent"):
        report.headline({"dev": DEV, "eval": leaky["eval"]}, NO_TABLES)


def test_what_the_report_makes_has_the_columns_that_it_declares():
    assert list(report.intervals(BOTH, NO_TABLES, SCORING, 0)) == list(report.INTERVALS)
    assert list(report.breakdown(BOTH, NO_TABLES, SCORING, 0)) == list(report.BREAKDOWN)


def test_the_values_of_members_have_the_headline_as_their_mean():
    both = {
        split: pd.concat([table.assign(seed=1), table.assign(seed=2, score=-table["score"])])
        for split, table in BOTH.items()
    }
    tables = {"dev": {}, "eval": {"asv": asv([2.5, 0.5])}}
    values = report.member_values(both, tables)
    means, headline = values.groupby("metric")["value"].mean(), report.headline(both, tables)
    for metric in metrics.HEADLINE:
        assert means[metric] == pytest.approx(headline[metric], abs=1e-12)
    assert headline["eer_sd"] == pytest.approx(values[values["metric"] == "eer"]["value"].std(), abs=1e-12)


def test_two_systems_are_compared_on_all_metrics():
    tables = {"dev": {}, "eval": {"asv": asv([2.5, 0.5])}}
    better = BOTH | {"eval": EVAL.assign(score=EVAL["score"] + 4 * (EVAL["label"] == "bonafide"))}
    table = paired.pairs({"aasist": BOTH, "erm": better}, tables, report.statistic, SCORING, 0).set_index("metric")
    assert set(table.index) == set(metrics.METRICS)
    assert table.loc["eer", ["difference", "speakers"]].tolist() == [0.5, 2]
    known = table.dropna(subset="low")
    assert {"auc", "cllr"} <= set(known.index) and (known["low"] < known["high"]).all()
    values = [report.headline(splits, tables) for splits in (BOTH, better)]
    for metric in metrics.HEADLINE:
        assert table.loc[metric, "difference"] == pytest.approx(values[0][metric] - values[1][metric], abs=1e-12)


def test_calibrated_costs_are_those_of_maps_that_each_members_dev_gave():
    rng, prior = np.random.default_rng(4), llr.effective_prior(dcf.ASVSPOOF5)
    parts, expected = {"dev": [], "eval": []}, []
    for seed, scale in ((1, 0.2), (2, 5.0)):
        drawn = [(scale * rng.normal(mean, 1, 40) + 3 for mean in (1, -1)) for _ in parts]
        tables = [trials(*scores, seed=seed) for scores in drawn]
        (dev, *_), (there, *_) = [[table] for table in tables]
        dev_pair, pair = (
            [table.loc[table["label"] == label, "score"].to_numpy() for label in metrics.CLASSES]
            for table in (dev, there)
        )
        maps = {"affine": llr.fit_affine(*dev_pair, prior), "isotonic": llr.fit_steps(*dev_pair)}
        mapped = {name: [one(scores) for scores in pair] for name, one in maps.items()}
        costs = {f"{name}_cllr": dcf.cllr(*scores) for name, scores in mapped.items()}
        costs["affine_act_dcf"] = dcf.act_dcf(*mapped["affine"])
        expected.append(costs | {"min_cllr": llr.min_cllr(*pair), "eer": eer.eer(*mapped["affine"]).eer})
        for split, table in zip(parts, tables, strict=True):
            parts[split].append(table)
    both = {split: pd.concat(tables) for split, tables in parts.items()}
    found = report.intervals(both, NO_TABLES, SCORING, 0)
    values = found[(found["resampled_by"] == "speaker") & found["seed"].isna()].set_index("metric")["value"]
    for name in expected[0]:
        assert values[name] == pytest.approx(np.mean([costs[name] for costs in expected]), abs=1e-12), name
    assert set(found["metric"]) == set(metrics.METRICS)
    assert values["min_cllr"] <= values["affine_cllr"] < 1 < values["cllr"]


def test_the_decision_by_steps_is_that_of_their_ratios():
    # ratios of dev's scores rise in steps; accepted is what has at least the Bayes threshold, -ln 1.9 = -.64
    steps = metrics.fitted_maps(DEV)
    [maps] = steps.values()
    ratios = {
        label: maps["isotonic"](EVAL.loc[EVAL["label"] == label, "score"].to_numpy()) for label in metrics.CLASSES
    }
    miss = (ratios["bonafide"] < dcf.ASVSPOOF5.threshold).mean()
    false_alarm = (ratios["spoof"] >= dcf.ASVSPOOF5.threshold).mean()
    values = report.member_values(BOTH, NO_TABLES).set_index("metric")["value"]
    assert values["isotonic_act_dcf"] == pytest.approx((0.95 * miss + 0.5 * false_alarm) / 0.5)
