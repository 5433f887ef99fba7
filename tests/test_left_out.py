"""One codec left out of training: which experiments are run, what is measured of them, what is refused."""

import pandas as pd
import pytest
import yaml

from tests.clone import ROOT
from voxdag import left_out
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.tasks.revisions import Revision

EVERY = ["mp3", "opus", "g726"]


def predictions(worse=()):
    """Of two members and four speakers; recordings through the codecs of `worse` are scored the wrong way round."""
    rows = [
        {
            "id": f"{codec}-{speaker}-{label}-{i}", "speaker": speaker, "label": label, "codec": codec, "seed": seed,
            "attack": "A01" if label == "spoof" else None, "optimised": None,
            "score": (-1) ** ((label == "spoof") != (codec in worse and i > (speaker < "c"))) + i / 7 + seed / 50,
        }
        for seed in (1, 2) for codec in ("none", *EVERY) for speaker in "abcd"
        for label in ("bonafide", "spoof") for i in range(3)
    ]  # fmt: skip
    return {split: pd.DataFrame(rows) for split in ("dev", "eval")}


class Experiments:
    """Stands for DVC: keeps what ran, and says of an experiment what its parameters make it predict."""

    def __init__(self, monkeypatch):
        self.ran, self.there, self.fails = [], {}, False
        monkeypatch.setattr(left_out.revisions, "read", self.read)
        monkeypatch.setattr(left_out.subprocess, "call", self.call)

    def read(self, name, only, folder):
        if name not in self.there:
            raise NotHere(name)
        tree = self.there[name]
        heard = tree["coded"]["antispoof_codecs"]["settings"]["train"]["codecs"]
        return Revision(name, tree, {only: predictions(set(EVERY) - set(heard))}, {})

    def call(self, words):
        name, flags = words[words.index("-n") + 1], words[words.index("-n") + 2 : -1]
        tree = params.read()
        for change in flags[1::2]:
            key, _, value = change.partition("=")
            *path, last = key.split(".")
            branch = tree
            for step in path:
                branch = branch[step]
            branch[last] = yaml.safe_load(value)
        self.there[name] = tree
        self.ran.append(words[3:])
        return int(self.fails)


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["tasks"]["antispoof"]["scoring"] |= {"replicates": 40}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    return Experiments(monkeypatch)


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["left_out", *words])
    left_out.main()


def test_each_codec_is_measured_where_it_was_left_out_and_what_is_done_stays(experiments, monkeypatch, tmp_path):
    run(monkeypatch, "out", "erm_aug")
    names = [words[words.index("-n") + 1] for words in experiments.ran]
    assert names == ["erm_aug-all", *(f"erm_aug-without-{codec}" for codec in EVERY)]
    settings = experiments.there["erm_aug-without-opus"]["coded"]["antispoof_codecs"]["settings"]
    assert [settings[split]["codecs"] for split in ("train", "dev", "eval")] == [
        ["mp3", "g726"], ["none", "mp3", "g726"], ["none", *EVERY]
    ]  # fmt: skip
    assert experiments.ran[0][0] == "exp" and experiments.ran[0][-1] == "evaluate@erm_aug"
    table = pd.read_csv(tmp_path / "out/left_out.csv").set_index("codec")
    assert list(table.index) == EVERY and set(table["n"]) == {48}
    assert set(table["with_codec"]) == {0.0} and (table["without_codec"] > 0.3).all()  # each on its own codec alone
    assert (table["difference"] == table["without_codec"]).all() and set(table["better"]) == {"with the codec"}
    run(monkeypatch, "out", "erm_aug")
    assert len(experiments.ran) == 4


def test_an_experiment_of_that_name_with_other_parameters_is_refused(experiments, monkeypatch, tmp_path):
    run(monkeypatch, "out", "erm_aug")
    tree = yaml.safe_load((tmp_path / "params.yaml").read_text())
    tree["systems"]["aasist"]["train"]["epochs"] = 3  # which has no part in it
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    run(monkeypatch, "out", "erm_aug")
    tree["systems"]["erm_aug"]["train"]["epochs"] = 3
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(Refused, match="the experiment erm_aug-all is there with other parameters: dvc exp remove"):
        run(monkeypatch, "out", "erm_aug")


def test_an_experiment_that_fails_ends_it(experiments, monkeypatch):
    experiments.fails = True
    with pytest.raises(Refused, match="the experiment erm_aug-all failed"):
        run(monkeypatch, "out", "erm_aug")


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("aasist", "systems.aasist.recordings come through no codec: expected those of an entry of coded"),
        ("erm", "systems.erm.objective.coded_share is 0: training hears no codec that could be left out"),
        ("tier1", "tier1 is no system of antispoof; they are aasist, "),
    ],
)
def test_another_system_is_refused(experiments, monkeypatch, system, message):
    with pytest.raises(Refused, match=message):
        run(monkeypatch, "out", system)


@pytest.mark.parametrize(
    ("split", "rule", "message"),
    [
        (
            "eval",
            {"versions": 0, "original": True},
            "eval.versions is 0: no eval recording comes through a codec",
        ),
        ("train", {"versions": 9}, "versions is 9, and its codecs have"),
    ],
)
def test_settings_that_an_experiment_would_be_refused_for_are_refused_before_the_first(
    experiments, monkeypatch, tmp_path, split, rule, message
):
    tree = yaml.safe_load((tmp_path / "params.yaml").read_text())
    tree["coded"]["antispoof_codecs"]["settings"][split] |= rule
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(Refused, match=message):
        run(monkeypatch, "out", "erm_aug")
    assert not experiments.ran


def test_what_was_made_of_recordings_decides_too():
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    other = tree | {"embedded": {"wavlm": {"settings": {"samples": 1}}}}
    assert left_out.decisive(tree, "antispoof_codecs", "dann") != left_out.decisive(other, "antispoof_codecs", "dann")


def test_one_codec_cannot_be_left_out(experiments, monkeypatch, tmp_path):
    tree = yaml.safe_load((tmp_path / "params.yaml").read_text())
    tree["coded"]["antispoof_codecs"]["settings"]["train"]["codecs"] = ["mp3", "none"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(Refused, match=r"train.codecs is \['mp3'\], expected two or more, one to leave out"):
        run(monkeypatch, "out", "erm_aug")
