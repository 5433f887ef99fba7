"""The closing summary: tables by task, where pictures are, what comes next."""

import sys

import numpy as np
import pandas as pd
import pytest

from voxdag import results
from voxdag.core import artifacts, lock, params
from voxdag.core.errors import NotHere
from voxdag.data import layout
from voxdag.scoring import paired, verdicts
from voxdag.tasks.antispoof.report import INTERVALS


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The parameters in a folder where aasist has been measured and drawn."""
    tree = params.read()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(params, "read", lambda: tree)
    rows = [{"metric": "eer", "value": 0.125, "low": 0.1, "high": 0.2, "resampled_by": by} for by in ("speaker", "x")]
    table = pd.DataFrame(rows, columns=list(INTERVALS)).replace({None: np.nan})
    artifacts.write_table(layout.metrics("aasist") / "intervals.csv", table)
    for folder in (layout.plots("aasist"), layout.comparison("antispoof") / "figures"):
        folder.mkdir(parents=True)
        (folder / "det.png").touch()
    return tree


def test_a_task_says_its_corpus_and_one_line_a_metric(run):
    head, _, line, missing = results.table(run, "antispoof").splitlines()
    assert head.startswith("antispoof on simulated_la, eval") and "95% intervals by speaker" in head
    assert line.split() == ["aasist", "eer", "0.1250", "0.1000", "to", "0.2000", "lower"]
    assert missing.startswith("not measured yet: ") and "`dvc repro evaluate@erm " in missing
    run["systems"] = {"aasist": run["systems"]["aasist"]}
    run["baselines"] = {}
    run["tasks"]["antispoof"]["prepare"]["eval_corpus"] = "asvspoof2019_la"
    assert "not measured" not in results.table(run, "antispoof")
    assert results.table(run, "antispoof").startswith("antispoof on asvspoof2019_la")


def test_what_was_not_measured_is_said_with_the_command(run):
    with pytest.raises(NotHere, match="metrics/tier1/intervals.csv is not here: `dvc repro` writes it"):
        results.table(run, "emotion")


def test_pictures_are_named_folder_by_folder(run):
    assert list(results.pictures(run, ["antispoof", "emotion"])) == [
        "  plots/aasist/*.png: det",
        "  compare/antispoof/figures/*.png: det",
    ]


@pytest.mark.parametrize(
    ("uncommitted", "said"),
    [
        (["metrics/a.json"], "commit the run"),
        (["dvc.lock"], "commit the run"),
        ([], "the results are those of the commit"),
        (["README.md"], "the results are those of the commit"),
    ],
)
def test_a_run_that_is_not_committed_is_to_be(uncommitted, said):
    first, second = results.following(uncommitted)
    assert first.startswith(said) and "dvc exp run --temp" in second


PAIR = {"metric": "eer", "difference": -0.125, "low": -0.25, "high": -0.0625, "margin": 0.005, "verdict": "better"}


def written(*systems, **changes):
    """compare's table of one pair."""
    row = dict(zip(("system_a", "system_b"), systems, strict=True)) | PAIR | changes
    table = pd.DataFrame([row]).reindex(columns=[*paired.COLUMNS, *verdicts.COLUMNS])
    artifacts.write_table(layout.comparison("antispoof") / "pairs.csv", table)


def test_the_pairs_with_a_system_and_a_margin_are_printed_with_their_verdicts(run):
    run["baselines"] |= {name: {"task": "antispoof", "settings": {}} for name in ("chance", "other")}
    assert results.differences(run, "antispoof") == ""  # compare has not run
    written("chance", "other")
    assert results.differences(run, "antispoof") == ""
    written("aasist", "chance", margin=None)
    assert results.differences(run, "antispoof") == ""
    written("aasist", "chance")
    head, columns, line, end = results.differences(run, "antispoof").split("\n")
    assert head.startswith("antispoof, system_a - system_b") and "tasks.antispoof.scoring.margins" in head and not end
    assert columns.split() == ["system_a", "system_b", "metric", "difference", "interval", "margin", "verdict"]
    expected = ["aasist", "chance", "eer", "-0.1250", "-0.2500", "to", "-0.0625", "0.0050", "better"]
    assert line.split() == expected


@pytest.mark.parametrize(("flags", "lines"), [([], True), (["--tables"], False)])
def test_the_command_prints_tables_pictures_and_what_follows(run, monkeypatch, capsys, flags, lines):
    monkeypatch.setattr(lock, "uncommitted", lambda: [])
    monkeypatch.setattr(sys, "argv", ["results", "antispoof", *flags])
    written("aasist", "chance")
    results.main()
    printed = capsys.readouterr().out
    assert "0.1250" in printed and ("-0.1250" in printed) is lines
    assert ("plots/aasist" in printed and "dvc exp run" in printed) is lines
