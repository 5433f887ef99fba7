"""The closing summary: tables by task, where pictures are, what comes next."""

import sys

import numpy as np
import pandas as pd
import pytest

from voxdag import results
from voxdag.core import artifacts, lock, params
from voxdag.core.errors import NotHere
from voxdag.data import layout
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
    head, _, line = results.table(run, "antispoof").splitlines()
    assert head.startswith("antispoof on simulated_la, eval") and "95% intervals by speaker" in head
    assert line.split() == ["aasist", "eer", "0.1250", "0.1000", "to", "0.2000", "lower"]
    run["tasks"]["antispoof"]["prepare"]["eval_corpus"] = "asvspoof2019_la"
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


@pytest.mark.parametrize(("flags", "lines"), [([], True), (["--tables"], False)])
def test_the_command_prints_tables_pictures_and_what_follows(run, monkeypatch, capsys, flags, lines):
    monkeypatch.setattr(lock, "uncommitted", lambda: [])
    monkeypatch.setattr(sys, "argv", ["results", "antispoof", *flags])
    results.main()
    printed = capsys.readouterr().out
    assert "0.1250" in printed and ("plots/aasist" in printed and "dvc exp run" in printed) is lines
