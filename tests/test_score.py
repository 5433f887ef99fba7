import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from voxdag import score
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.tasks.antispoof import metrics, score_file

ATTACKS = ("A07", "A08")


@pytest.fixture
def root(tmp_path):
    """Protocols and ASV scores in the layout of ASVspoof 2019 LA, without audio."""
    rng = np.random.default_rng(0)
    base = tmp_path / "corpora" / "LA"
    for split, name in asvspoof2019_la.PROTOCOLS.items():
        rows = [f"S{n % 3} {split}_{n:02d} - - bonafide" for n in range(20)]
        rows += [f"S{n % 3} {split}_{n:02d} - {ATTACKS[n % 2]} spoof" for n in range(20, 60)]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    for name in asvspoof2019_la.ASV_SCORES.values():
        rows = [f"bonafide target {value:.3f}" for value in rng.normal(4, 1, 30)]
        rows += [f"bonafide nontarget {value:.3f}" for value in rng.normal(0, 1, 50)]
        rows += [f"{ATTACKS[n % 2]} spoof {value:.3f}" for n, value in enumerate(rng.normal(3, 1, 60))]
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("\n".join(rows) + "\n")
    return base


@pytest.fixture
def predictions(root):
    trials, asv = score.protocol("asvspoof2019_la", str(root), "eval")
    means = np.where(trials["label"] == "bonafide", 2.0, 0.0)
    return trials.assign(score=np.random.default_rng(1).normal(means)), asv


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["voxdag.score", *map(str, arguments)])
    score.main()


def test_a_score_file_is_scored_without_audio(tmp_path, monkeypatch, capsys, root, predictions):
    table, asv = predictions
    path, folder = tmp_path / "scores.txt", tmp_path / "tables"
    score_file.write(path, table, "aasist")
    run(
        monkeypatch, path, "--corpus", "asvspoof2019_la", "--root", root, "--replicates", 40,
        "--by", "attack", "speaker", "--breakdown", folder / "groups.csv", "--intervals", folder / "intervals.csv",
    )  # fmt: skip
    assert json.loads(capsys.readouterr().out) == metrics.headline(table, asv)
    groups = pd.read_csv(folder / "groups.csv")
    assert list(groups["value"]) == [*ATTACKS, "S0", "S1", "S2"]
    assert set(pd.read_csv(folder / "intervals.csv")["replicates"]) == {40}


def test_one_file_for_another_split_is_refused(tmp_path, monkeypatch, caplog, root, predictions):
    path = tmp_path / "scores.txt"
    score_file.write(path, predictions[0], "asvspoof2021")
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, path, "--corpus", "asvspoof2019_la", "--root", root, "--split", "dev")
    assert "60 utterances are missing of 60 in the protocol: dev_00, dev_01, dev_02" in caplog.text


@pytest.mark.parametrize("corpus", ["savee", "asvspoof2031"])
def test_a_corpus_without_trials_of_the_task_is_refused_with_those_that_have_some(corpus):
    message = f"tasks.antispoof.prepare.corpora has no options for {corpus}; it has simulated_la, asvspoof2019_la"
    with pytest.raises(Refused, match=message):
        score.protocol(corpus, None, "eval")


def test_a_corpus_without_attacks_is_refused(monkeypatch):
    found = SimpleNamespace(trials=pd.DataFrame({"id": ["a"], "split": ["eval"]}), departures=None, tables={})
    opened = SimpleNamespace(read=lambda folder, options: found), None
    monkeypatch.setattr(score.Prepare, "open", lambda settings, name, where: opened)
    with pytest.raises(Refused, match="ravdess has no column attack: expected a corpus of spoofed speech"):
        score.protocol("ravdess", None, "eval")


def test_missing_protocols_name_the_argument_that_moves_them(tmp_path):
    with pytest.raises(CorpusMissing, match=r"Put it at .* Argument --root names the folder of this one\.$"):
        score.protocol("asvspoof2019_la", str(tmp_path), "eval")


def test_counts_that_are_not_published_are_logged_and_absent_audio_is_no_matter(root, caplog):
    score.protocol("asvspoof2019_la", str(root), "eval")
    assert "asvspoof2019_la is not as published: eval has 20 bonafide trials, published are 7355" in caplog.text
    assert "absent" not in caplog.text


def test_an_unknown_split_is_refused_with_the_valid_ones(root):
    with pytest.raises(ValueError, match="no trials in split 'test', expected one of dev, eval, train"):
        score.protocol("asvspoof2019_la", str(root), "test")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--replicates", "0"], "replicates is 0: expected 39 to 1,000,000 for intervals at confidence 0.95"),
        (
            ["--confidence", "2"],
            "confidence is 2.0: expected a fraction between 0 and 1, such as 0.95",
        ),
        (["--by", "codec"], "predictions have no column codec; they have id, path, split, speaker, label, attack"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(tmp_path, monkeypatch, caplog, root, predictions, words, message):
    score_file.write(tmp_path / "scores.txt", predictions[0], "aasist")
    tables = ["--intervals", tmp_path / "intervals.csv", "--breakdown", tmp_path / "groups.csv"]
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, tmp_path / "scores.txt", "--corpus", "asvspoof2019_la", "--root", root, *tables, *words)
    assert message in caplog.text
