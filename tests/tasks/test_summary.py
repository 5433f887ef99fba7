"""Tables for a reader: which end of a metric is the better, what two revisions differ in, how lines stand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts
from voxdag.data import layout
from voxdag.scoring import paired, verdicts
from voxdag.scoring.tables import Scoring
from voxdag.tasks import summary
from voxdag.tasks.antispoof import report

SPEAKERS = [f"s{i}" for i in range(12)]
SCORING = Scoring(200, 0.9, ("attack",))


def predictions(apart, protocol=None):
    """Of 12 speakers 4 utterances each; the scores of the two labels lie `apart` on the average."""
    draw = np.random.default_rng(0)
    rows = [
        {"id": f"{speaker}-{i}", "speaker": speaker, "label": ("spoof", "bonafide")[i % 2], "attack": "A07"}
        for speaker in SPEAKERS
        for i in range(4)
    ]
    table = pd.DataFrame(rows).assign(score=draw.normal(size=len(rows)))
    table["score"] += apart * (table["label"] == "bonafide")
    table = table if protocol is None else table.assign(protocol=protocol)
    return {"dev": table, "eval": table}


TABLES = {"dev": {}, "eval": {}}


def differences(before, after):
    found = summary.differences(before, after, TABLES, report, SCORING, 1)
    return found.set_index("metric")


def test_a_difference_is_after_minus_before_and_each_stands_beside_it():
    found = differences(predictions(0.5), predictions(4.0)).loc["eer"]
    assert found["difference"] == pytest.approx(found["after"] - found["before"]) and found["difference"] < 0
    assert found["low"] <= found["difference"] <= found["high"] < 0


def test_the_better_one_is_that_of_the_lower_error_and_of_the_higher_auc():
    found = differences(predictions(0.5), predictions(4.0))
    assert found["better"]["eer"] == "after" and found["better"]["auc"] == "after"
    found = differences(predictions(4.0), predictions(0.5))
    assert found["better"]["eer"] == "before" and found["better"]["auc"] == "before"
    assert found["difference"]["eer"] > 0 > found["difference"]["auc"]


def test_an_interval_over_zero_tells_nothing_apart():
    found = differences(predictions(1.0), predictions(1.05))
    assert found["low"]["eer"] <= 0 <= found["high"]["eer"] and found["better"]["eer"] == "undecided"


def test_a_metric_of_an_easier_protocol_has_its_values_too():
    found = differences(predictions(0.5, "leaky"), predictions(4.0, "leaky"))
    assert np.isfinite(found.loc["leaky_eer", ["before", "after"]].to_numpy(float)).all()
    assert found["better"]["leaky_auc"] == "after"


def test_where_both_are_as_good_within_the_margin_is_said_beside_it():
    # AUCs of Phi(.5 / sqrt 2) = .64 and Phi(4 / sqrt 2) = 1.00 are .36 apart
    scoring = dataclasses.replace(SCORING, margins={"auc": 1.0})
    found = summary.differences(predictions(0.5), predictions(4.0), TABLES, report, scoring, 1).set_index("metric")
    assert found.loc["auc", ["margin", "better"]].tolist() == [1.0, "equivalent"]
    assert np.isnan(found["margin"]["eer"]) and found["better"]["eer"] == "after"


def test_without_an_interval_there_is_no_better():
    same = predictions(1.0)
    found = summary.differences(same, same, TABLES, report, SCORING, 1)
    assert found["better"].isna().all()
    assert {line.split()[-1] for line in summary.text(found).splitlines()[1:]} == {"-"}


def test_the_pairs_that_have_a_margin_are_read_as_compare_wrote_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert summary.judged("antispoof").empty
    systems = {"one": predictions(0.5), "two": predictions(4.0)}
    pairs = paired.pairs(systems, TABLES, report.statistic, SCORING, 1)
    file = layout.comparison("antispoof") / "pairs.csv"
    artifacts.write_table(file, pairs)  # as it was before there were verdicts
    assert summary.judged("antispoof").empty
    artifacts.write_table(file, verdicts.judge(pairs, {"eer": 0.001, "auc": 1.0}, report.HIGHER))
    found = summary.judged("antispoof").set_index("metric")
    assert found[["system_a", "system_b", "margin", "verdict"]].to_numpy().tolist() == [
        ["one", "two", 0.001, "worse"], ["one", "two", 1.0, "equivalent"],
    ]  # fmt: skip
    assert found["difference"]["eer"] > 0 and found.index.tolist() == ["eer", "auc"]


def test_a_task_is_one_table_of_means_by_speaker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, apart in (("one", 1.0), ("two", 3.0)):
        table = report.intervals(predictions(apart), TABLES, SCORING, 1)
        artifacts.write_table(layout.metrics(name) / "intervals.csv", table)
    found = summary.metrics(["one", "two"], "antispoof")
    assert found["system"].tolist() == ["one"] * (len(found) // 2) + ["two"] * (len(found) // 2)
    assert found.groupby("metric").size().eq(2).all()
    assert dict(zip(found["metric"], found["better"], strict=True))["auc"] == "higher"
    assert set(found.loc[found["metric"] != "auc", "better"]) == {"lower"}


def test_lines_are_aligned_and_what_is_missing_is_a_dash():
    table = pd.DataFrame(
        {"system": ["a", "long"], "value": [0.5, None], "low": [0.25, None], "high": [0.75, None], "better": ["x", "y"]}
    )
    assert summary.text(table).splitlines() == [
        "system  value   interval          better",
        "a       0.5000  0.2500 to 0.7500  x",
        "long    -       -                 y",
    ]
