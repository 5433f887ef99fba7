"""Means over utterances, what was optimised and is no judge, undefined values and their number."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.scoring import enhancement, judges
from voxdag.scoring.paired import pairs
from voxdag.scoring.tables import Scoring
from voxdag.scoring.verdicts import judge
from voxdag.tasks.enhance import marks, metrics, report
from voxdag.tasks.enhance.metrics import METRICS

SCORING = Scoring(replicates=60, confidence=0.95, by=("snr", "noise", "speaker"))


def predictions(seeds=(1,), optimised="", shift=0.0, n=6, **columns):
    """Metric number k of utterance i, of 6, is k + i / 10, and 1 more of each further seed."""
    rows = []
    for place, seed in enumerate(seeds):
        for i in range(n):
            row = {"id": f"u{i}", "speaker": f"s{i % 3}", "snr": 2.5 * (i % 2), "noise": "bus" if i < 3 else "cafe"}
            row |= {metric: k + i / 10 + place + shift for k, metric in enumerate(METRICS)}
            rows.append(row | {"seed": seed, metrics.OPTIMISED: optimised})
    return pd.DataFrame(rows).assign(**columns)


def splits(**options):
    return {"dev": predictions(**options), "eval": predictions(**options)}


def test_the_metrics_are_called_as_what_measures_them_calls_them():
    assert metrics.OF_PAIRS == enhancement.METRICS and metrics.OF_JUDGES == judges.METRICS
    assert {name for name in METRICS if name in report.HIGHER} == enhancement.HIGHER | judges.HIGHER
    assert "optimised_pesq" in report.HIGHER and "optimised_llr" not in report.HIGHER


def test_the_composites_contain_what_they_are_sums_of():
    for name, (_, terms) in enhancement.COMPOSITES.items():
        assert set(terms) == {metric for metric, whole in marks.FOLLOWING.items() if name in whole}


def test_a_metric_is_the_mean_over_the_utterances_that_define_it():
    table = predictions().assign(pesq=[1.0, np.nan, 3.0, np.nan, np.nan, 8.0])
    means = metrics.Means(table)
    assert means()["pesq"] == 4 and means()["pesq_nb"] == pytest.approx(1.25)
    # of the first utterance twice and the second, third and sixth once: (2 * 1 + 3 + 8) / 4
    counts = np.array([2, 1, 1, 0, 0, 1])
    assert means(counts)["pesq"] == 3.25
    assert np.isnan(means(np.array([0, 1, 0, 1, 0, 0]))["pesq"])


def test_what_is_infinite_has_no_part_in_a_mean():
    table = predictions().assign(
        si_sdr=[1.0, np.inf, 3.0, -np.inf, 2.0, 2.0]
    )  # of a wave that is the clean one, of none
    assert metrics.Means(table)()["si_sdr"] == 2


def test_what_was_optimised_has_another_name_and_so_has_what_contains_it_or_is_another_form_of_it():
    assert marks.with_parts({"stoi"}) == marks.with_parts({"estoi"}) == ("stoi", "estoi")
    assert marks.with_parts({"pesq"}) == ("pesq", "pesq_nb", "csig", "cbak", "covl")
    names = set(metrics.Means(predictions(optimised="pesq stoi"))())
    assert {"optimised_pesq", "optimised_stoi", "optimised_estoi", "optimised_covl", "dnsmos_ovrl"} <= names
    assert not {"pesq", "stoi", "covl", "csig", "cbak"} & names


def test_a_mask_says_what_was_optimised():
    for names in ((), ("pesq", "si_sdr"), METRICS):
        assert marks.of_mask(marks.mask(names)) == marks.with_parts(names)
    with pytest.raises(Refused, match="mcd cannot be optimised: expected some of pesq, "):
        marks.mask({"pesq", "mcd"})


def test_rows_that_were_optimised_for_different_metrics_are_refused():
    with pytest.raises(Refused, match="predictions were optimised for '' and for 'pesq'"):
        report.headline({"dev": predictions(), "eval": predictions(optimised="pesq")}, {})


def test_predictions_that_came_back_from_a_file_say_what_they_said():
    # an empty cell is read as missing
    assert metrics.optimised(predictions().assign(optimised=np.nan)) == ()


def test_the_headline_has_eight_numbers_at_most_and_nothing_that_was_optimised():
    plain, tuned = (report.headline(splits(optimised=text, seeds=(1, 2)), {}) for text in ("", "pesq stoi"))
    assert list(plain) == ["estoi", "si_sdr", "dnsmos_ovrl", "pesq", "stoi", "dnsmos_sig", "estoi_sd", "dev_pesq"]
    # estoi of utterance i is 3 + i / 10, and one more with the second seed: mean 3.75, sd sqrt(1 / 2)
    assert plain["estoi"] == pytest.approx(3.75) and plain["estoi_sd"] == pytest.approx(0.5**0.5)
    assert plain["dev_pesq"] == pytest.approx(0.75)
    expected = {"si_sdr", "dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "ssnr", "si_sdr_sd", "dev_optimised_pesq"}
    assert set(tuned) == expected


def test_the_spread_is_that_of_the_first_metric_that_is_shown():
    assert "si_sdr_sd" in report.headline(splits(optimised="estoi"), {})


def test_an_easier_protocol_is_in_every_name():
    easier = splits(protocol="leaky", optimised="pesq")
    assert all(name.startswith("leaky_") for name in report.headline(easier, {}))
    table = report.intervals(easier, {}, SCORING, 1)
    assert "leaky_optimised_pesq" in set(table["metric"]) and (table["undefined"] == 0).all()


def test_intervals_say_of_how_many_utterances_a_metric_is_undefined():
    table = predictions(seeds=(1, 2))
    table.loc[[0, 1, 6], "llr"] = np.nan
    rows = report.intervals({"dev": table, "eval": table}, {}, SCORING, 1).query("resampled_by == 'speaker'")
    of_llr = rows[rows["metric"] == "llr"]
    assert of_llr["seed"].fillna(0).tolist() == [0, 1, 2] and of_llr["undefined"].tolist() == [3, 2, 1]
    assert (rows.loc[rows["metric"] != "llr", "undefined"] == 0).all()
    assert set(rows) == set(report.INTERVALS)


def test_a_judge_that_was_not_installed_has_no_value_and_all_are_counted():
    silent = predictions().assign(distillmos=np.nan)
    rows = report.intervals({"dev": silent, "eval": silent}, {}, SCORING, 1)
    row = rows[rows["metric"] == "distillmos"].iloc[0]
    assert np.isnan(row["value"]) and row["undefined"] == 6 and row["members"] == 0


def test_the_breakdown_has_groups_by_ratio_noise_and_speaker():
    table = report.breakdown(splits(optimised="pesq"), {}, SCORING, 1)
    assert set(zip(table["column"], table["value"], strict=True)) == {
        *(("snr", value) for value in ("0", "2.5")),
        *(("noise", value) for value in ("bus", "cafe")),
        *(("speaker", value) for value in ("s0", "s1", "s2")),
    }
    bus = table[table["value"] == "bus"].iloc[0]
    assert bus["n"] == 3 and bus["optimised_pesq"] == pytest.approx(0.1) and bus["estoi_low"] <= bus["estoi"]
    assert "pesq" not in table and set(table) <= set(report.BREAKDOWN)


def test_a_metric_that_one_system_was_optimised_for_is_not_compared():
    systems = {"bsrnn": splits(optimised="pesq", shift=0.5), "noisy": splits()}
    rows = pairs(systems, {}, report.statistic, SCORING, 1).set_index("metric")
    assert rows.loc["estoi", "difference"] == pytest.approx(0.5)
    assert rows.loc[["pesq", "optimised_pesq"], "difference"].isna().all()


def test_a_metric_that_both_were_optimised_for_has_the_margin_and_the_better_end_of_the_metric():
    systems = {"a": splits(optimised="pesq llr", shift=0.5), "b": splits(optimised="pesq llr")}
    systems["b"]["eval"].loc[0, ["pesq", "llr"]] -= 0.25  # else the difference is one number whoever is drawn
    rows = judge(pairs(systems, {}, report.statistic, SCORING, 1), {"pesq": 0.1, "llr": 9.0}, report.HIGHER)
    rows = rows.set_index("metric")
    assert rows.loc["optimised_pesq", ["margin", "verdict"]].tolist() == [0.1, "better"]
    assert rows.loc["optimised_llr", ["margin", "verdict"]].tolist() == [9.0, "equivalent"]
    rows = judge(rows.reset_index(), {}, report.HIGHER).set_index("metric")
    assert rows.loc["optimised_llr", "verdict"] == "worse" and np.isnan(rows.loc["optimised_llr", "margin"])


def test_a_difference_is_of_the_utterances_that_both_systems_have():
    # b lacks the two of which a says 1, so a's mean over the rest is 5, not 3.67, and b's is 4
    a, b = splits(), splits()
    a["eval"] = a["eval"].assign(covl=[1.0, 1.0, 5.0, 5.0, 5.0, 5.0])
    b["eval"] = b["eval"].assign(covl=[np.nan, np.inf, 4.0, 4.0, 4.0, 4.0])
    rows = pairs({"a": a, "b": b, "c": a}, {}, report.statistic, SCORING, 1, report.common)
    rows = rows.set_index(["system_a", "system_b", "metric"])
    assert rows.loc[("a", "b", "covl"), ["difference", "utterances"]].tolist() == [1, 4]
    assert rows.loc[("b", "c", "covl"), ["difference", "utterances"]].tolist() == [-1, 4]
    assert rows.loc[("a", "c", "covl"), ["difference", "utterances"]].tolist() == [0, 6]
    assert (rows.loc[("a", "b")].drop("covl")["utterances"] == 6).all()
    assert a["eval"]["covl"].notna().all()  # what was given stays as it is


def test_an_utterance_that_one_member_lacks_counts_in_none():
    a, b = splits(seeds=(1, 2)), splits()
    a["eval"].loc[0, "llr"] = np.nan
    left = report.common(a, b)
    gone = a["eval"]["id"] == a["eval"]["id"][0]
    assert left.a["eval"].loc[gone, "llr"].isna().all() and left.b["eval"]["llr"].isna().sum() == 1
    assert left.utterances["llr"] == 5 and left.utterances["pesq"] == 6
    assert left.a["dev"] is a["dev"] and report.common(b, b).a is b


def test_a_system_beside_the_same_is_not_better():
    rows = pairs({"a": splits(), "b": splits()}, {}, report.statistic, SCORING, 1)
    assert (rows["difference"] == 0).all() and rows["p"].isna().all()


def test_predictions_that_lack_a_metric_are_refused():
    lacking = splits()
    lacking["eval"] = lacking["eval"].drop(columns="wss")
    with pytest.raises(Refused, match="predictions have no column wss"):
        report.headline(lacking, {})
