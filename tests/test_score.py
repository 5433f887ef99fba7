import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from tests import la_protocols
from tests.clone import ROOT
from tests.la_protocols import ATTACKS
from voxdag import score
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.scoring.eer import eer
from voxdag.tasks.antispoof import metrics, score_file, transfer


@pytest.fixture
def root(tmp_path):
    """Protocols and ASV scores in the layout of ASVspoof 2019 LA, without audio."""
    return la_protocols.write(tmp_path / "corpora" / "LA")


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


@pytest.fixture
def dev(root):
    trials, _ = score.protocol("asvspoof2019_la", str(root), "dev")
    means = np.where(trials["label"] == "bonafide", 1.0, -1.0)
    return trials.assign(score=np.random.default_rng(2).normal(means))


def test_dev_scores_freeze_threshold_and_calibration(tmp_path, monkeypatch, capsys, root, predictions, dev):
    table, asv = predictions
    score_file.write(tmp_path / "scores.txt", table, "aasist")
    score_file.write(tmp_path / "dev.txt", dev, "asvspoof2021")
    of_corpus = ["--corpus", "asvspoof2019_la", "--root", root]
    run(monkeypatch, tmp_path / "scores.txt", *of_corpus, "--dev", tmp_path / "dev.txt")
    printed = json.loads(capsys.readouterr().out)
    threshold = eer(*(dev.loc[dev["label"] == label, "score"] for label in metrics.CLASSES)).threshold
    accepted = table["score"] > threshold
    assert printed["miss_rate"] == (~accepted[table["label"] == "bonafide"]).mean()
    assert printed["false_alarm_rate"] == accepted[table["label"] == "spoof"].mean()
    assert printed["hter"] == (printed["miss_rate"] + printed["false_alarm_rate"]) / 2
    of_scores = metrics.headline(table, asv)
    assert {name: printed[name] for name in of_scores} == of_scores
    assert set(printed) - set(of_scores) == set(transfer.METRICS) - {"eer", "act_dcf", "cllr"}


def test_dev_scores_may_be_of_another_corpus(tmp_path, monkeypatch, capsys, root, predictions, dev):
    (tmp_path / "wild").mkdir()
    (tmp_path / "wild/meta.csv").write_text("file,speaker,label\na.wav,x,bona-fide\nb.wav,x,spoof\nc.wav,y,spoof\n")
    (tmp_path / "scores.txt").write_text("a 2\nb -2\nc 1.5\n")
    score_file.write(tmp_path / "dev.txt", dev, "asvspoof2021")
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path))
    words = ["--dev", tmp_path / "dev.txt", "--dev-corpus", "asvspoof2019_la"]
    monkeypatch.setattr(score.params, "read", lambda: with_roots(asvspoof2019_la=str(root)))
    run(monkeypatch, tmp_path / "scores.txt", "--corpus", "in_the_wild", "--root", tmp_path / "wild", *words)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["miss_rate"], printed["false_alarm_rate"], printed["hter"]) == (0.0, 0.5, 0.25)


def with_roots(**roots):
    """params.yaml with other folders of corpora."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, root in roots.items():
        tree["tasks"]["antispoof"]["prepare"]["corpora"][name]["root"] = root
    return tree


def test_without_a_corpus_the_keys_are_those_of_the_file(tmp_path, monkeypatch, capsys, predictions, dev):
    table, _ = predictions
    score_file.write(tmp_path / "scores.txt", table, "aasist")
    score_file.write(tmp_path / "dev.txt", dev, "aasist")
    run(monkeypatch, tmp_path / "scores.txt", "--dev", tmp_path / "dev.txt", "--breakdown", tmp_path / "groups.csv")
    expected = metrics.headline(table, metrics.NO_ASV) | transfer.statistic(dev, table).mean()
    assert json.loads(capsys.readouterr().out) == expected and expected["min_tdcf_legacy2019"] is None
    groups = pd.read_csv(tmp_path / "groups.csv")
    assert groups["value"].tolist() == [*ATTACKS] and groups["n_bonafide"].tolist() == [20, 20]
    score_file.write(tmp_path / "scores.txt", table, "asvspoof2021")
    with pytest.raises(Refused, match=r"scores.txt:1: no KEY, expected UTTERANCE ATTACK KEY SCORE, or the corpus"):
        score_file.own_trials(tmp_path / "scores.txt")


def test_scores_of_one_class_have_its_error_alone(tmp_path, monkeypatch, capsys, predictions, dev):
    table, _ = predictions
    score_file.write(tmp_path / "scores.txt", table[table["label"] == "spoof"], "aasist")
    score_file.write(tmp_path / "dev.txt", dev, "aasist")
    run(monkeypatch, tmp_path / "scores.txt", "--dev", tmp_path / "dev.txt")
    assert list(json.loads(capsys.readouterr().out)) == ["false_alarm_rate"]
