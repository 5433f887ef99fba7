"""Systems beside one another: what is written of them, whatever they are and however often it is asked for."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

from stages import breakdown, compare
from tests.toys.installed import TOYS, importable
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.figures.plot import Plot

SCORING = {"replicates": 20, "confidence": 0.9, "by": ["room"]}
TREE = {key: {} for key in params.TOP_LEVEL} | {
    **{"seed": 1, "num_threads": 1, "device": "cpu"},
    "tasks": {"regress": {"prepare": {"corpus": "simulated_rooms"}, "features": {}, "scoring": SCORING}},
}
COLUMNS = [*compare.paired.COLUMNS, *compare.verdicts.COLUMNS]
SYSTEM = yaml.safe_load((TOYS / "regress/params.yaml").read_text())["systems"]["regressor"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with importable(TOYS / "regress"):
        yield tmp_path


def configure(baselines=(), seeds=(1,), margins=None, **systems):
    """params.yaml with these systems, some of them baselines, and what each gave: with seed k, predictions that miss
    their label by k times a number."""
    of_task = {name: {"task": "regress", "settings": {}} for name in baselines}
    task = TREE["tasks"]["regress"] | {"scoring": SCORING | ({} if margins is None else {"margins": margins})}
    tree = TREE | {"tasks": {"regress": task}}
    tree |= {"systems": {name: SYSTEM for name in systems if name not in of_task}, "baselines": of_task or None}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    for name, (miss, protocol) in systems.items():
        label = np.linspace(0, 1, 12)
        rows = pd.DataFrame({"id": [f"u{i:02d}" for i in range(12)], "speaker": list("abcd") * 3, "label": label})
        rows = rows.assign(room=["001", "1e3", "NA"] * 4, protocol=protocol)
        rows = pd.concat([rows.assign(predicted=label + miss * seed, seed=seed) for seed in seeds], ignore_index=True)
        for split in ("dev", "eval"):
            artifacts.write_table(layout.predictions(name) / f"{split}.csv", rows)
        report = load_module("voxdag.tasks.{task}.report", task="regress")
        scoring = report.Scoring(20, 0.9, ())
        artifacts.write_table(
            layout.metrics(name) / "intervals.csv", report.intervals({"eval": rows}, {}, scoring, seed=1)
        )
        figure = pd.DataFrame({"codec": ["001", "NA"], "rate": [0.5, np.nan]})
        artifacts.write_table(layout.plots(name) / "codecs.csv", figure)


def written(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_figures_have_all_systems_and_pairs_their_differences(place):
    configure(a=(0.1, "speaker_independent"), b=(0.2, "speaker_independent"))
    compare.main("regress")
    assert set(written(place / "compare/regress")) == {
        *("figures/ccc.csv", "figures/ccc.png", "figures/ccc.pdf", "figures/codecs.csv", "matrix.csv", "pairs.csv"),
    }
    # as they were written, and a column of text that no shared figure has is text when it is read back
    text = (place / "compare/regress/figures/codecs.csv").read_text()
    assert text == "codec,rate,system\n001,0.5,a\nNA,,a\n001,0.5,b\nNA,,b\n"
    table = compare.figure_tables(["a"], compare.NUMBERS)["codecs"]
    assert table["codec"].tolist() == ["001", "NA"] and table["rate"].dtype == float
    pairs = pd.read_csv(place / "compare/regress/pairs.csv").set_index("metric")
    assert pairs.loc["mae", ["system_a", "system_b", "difference"]].tolist() == ["a", "b", pytest.approx(-0.1)]


def test_each_pair_has_a_verdict_by_the_margins_of_the_parameters(place):
    # each misses by one number whoever speaks: the MAE has no interval, the CCC, which divides by what was drawn, has
    systems = {"a": (0.1, "speaker_independent"), "b": (0.2, "speaker_independent")}
    for margins, said in ((None, "better"), ({"ccc": 0.001}, "better"), ({"ccc": 2}, "equivalent")):
        configure(margins=margins, **systems)
        compare.main("regress")
        pairs = pd.read_csv(place / "compare/regress/pairs.csv")
        assert list(pairs) == COLUMNS
        assert pairs.loc[pairs["metric"] == "mae", ["low", "margin", "verdict"]].isna().all(axis=None)
        row = pairs.set_index("metric").loc["ccc"]
        assert row["low"] > 0 and row["verdict"] == said
        assert row[["margin"]].fillna(-1).tolist() == [-1 if margins is None else margins["ccc"]]


def test_a_margin_of_another_metric_is_refused_with_file_and_key(place):
    configure(margins={"ccc": 0.1, "maee": 0.1}, a=(0.1, "speaker_independent"))
    expected = "params.yaml: tasks.regress.scoring.margins has the unknown metric maee; metrics: ccc, mae$"
    with pytest.raises(Refused, match=expected):
        compare.main("regress")


def test_a_figure_has_the_mean_over_members_of_systems_and_baselines_with_its_interval_by_speaker(place):
    configure(baselines=["b"], seeds=(1, 2), a=(0.1, "speaker_independent"), b=(0.2, "speaker_independent"))
    compare.main("regress")
    drawn = pd.read_csv(place / "compare/regress/figures/ccc.csv")
    assert drawn["system"].tolist() == ["a", "b"] and drawn["seed"].isna().all() and (drawn["members"] == 2).all()
    assert (drawn["resampled_by"] == "speaker").all() and drawn[["low", "high"]].notna().all(axis=None)
    pairs = pd.read_csv(place / "compare/regress/pairs.csv").set_index("metric")
    # a misses by 0.1 and 0.2, b by 0.2 and 0.4
    assert pairs.loc["mae", ["difference", "members_a", "members_b"]].tolist() == [pytest.approx(-0.15), 2, 2]
    assert list(pd.read_csv(place / "compare/regress/figures/codecs.csv")["system"].unique()) == ["a"]


def test_a_figure_that_the_task_names_has_its_baselines_too(place, monkeypatch):
    configure(baselines=["b"], a=(0.1, "speaker_independent"), b=(0.2, "speaker_independent"))
    figures = load_module("voxdag.tasks.{task}.figures", task="regress")
    headline = figures.comparison

    def of_one(dev, predictions, breakdown, history):
        rooms = breakdown[breakdown["column"] == "room"]
        assert predictions["room"].notna().all() and not len(history)
        return {"codecs": Plot(pd.DataFrame({"codec": rooms["value"], "rate": rooms["mae"]}), Figure()), "more": None}

    def of_all(tables, intervals):
        return headline(tables, intervals) | {"codecs": Plot(tables["codecs"], Figure())}

    monkeypatch.setattr(figures, "OF_BASELINES", ("codecs",), raising=False)
    monkeypatch.setattr(figures, "figures", of_one)
    monkeypatch.setattr(figures, "comparison", of_all)
    compare.main("regress")
    drawn = pd.read_csv(place / "compare/regress/figures/codecs.csv", dtype=str)
    assert drawn["system"].tolist() == ["a", "a", "b", "b", "b"]
    assert drawn.loc[drawn["system"] == "b", "rate"].astype(float).tolist() == pytest.approx([0.2] * 3)


def test_once_more_after_a_change_nothing_of_before_is_left(place):
    configure(a=(0.3, "speaker_independent"))
    compare.main("regress")
    configure(a=(0.1, "speaker_independent"))
    compare.main("regress")
    (place / "other").mkdir()
    again = written(place / "compare/regress")
    Path("compare/regress").rename(place / "other/regress")
    compare.main("regress")
    assert written(place / "compare/regress") == again


def test_a_system_under_an_easier_protocol_stands_beside_the_others_and_is_compared_with_none(place, caplog):
    configure(a=(0.1, "speaker_independent"), b=(0.2, "transductive"))
    with caplog.at_level(logging.WARNING):
        compare.main("regress")
    drawn = pd.read_csv(place / "compare/regress/figures/ccc.csv")
    assert drawn["system"].tolist() == ["a", "b (transductive)"]
    assert (place / "compare/regress/pairs.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert "not compared: a speaker_independent; b transductive" in caplog.text


def test_a_task_without_systems_has_what_dvc_expects_of_it_and_nothing_in_it(place):
    configure()
    compare.main("regress")
    assert (place / "compare/regress/figures").is_dir()
    assert set(written(place / "compare/regress")) == {"matrix.csv", "pairs.csv"}


def test_groups_are_named_as_the_manifest_names_them(place):
    configure(a=(0.1, "speaker_independent"))
    breakdown.main("a")
    lines = (place / "metrics/a/breakdown.csv").read_text().splitlines()
    assert [line.split(",")[1:3] for line in lines[1:]] == [["room", "001"], ["room", "1e3"], ["room", "NA"]]
