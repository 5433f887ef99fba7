"""From a corpus to the manifest, and its audio again where that is gone: a toy task, through the stages' own mains."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import prepare, provide
from tests.toys.installed import TOYS, importable
from voxdag.core import artifacts, code, params
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.manifest import Prepare

TASK = "gan"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The parameters of the toy task, to be changed and written; its corpus lies in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.setattr(code, "fingerprint", lambda settings, module: "made")  # of a module that lies elsewhere
    toy = yaml.safe_load((TOYS / TASK / "params.yaml").read_text())
    tree = {name: {} for name in params.SECTIONS}
    with importable(TOYS / TASK):
        yield tree | {"seed": 1, "num_threads": 1, "device": "cpu", "tasks": toy["tasks"]}


def written(tree):
    Path("params.yaml").write_text(yaml.safe_dump(tree))


def test_each_split_has_its_rows_and_what_another_corpus_left_is_gone(tree):
    written(tree)
    for split in ("train", "dev", "eval"):
        Path("data/manifest/gan", split).mkdir(parents=True)
        Path("data/manifest/gan", split, "asv.csv").write_text("score\n1\n")
    prepare.main(TASK)
    listed = {path.relative_to("data/manifest/gan").as_posix() for path in Path("data/manifest/gan").rglob("*.*")}
    assert listed == {"split.json", "report.json"} | {f"{split}/utterances.csv" for split in ("train", "dev", "eval")}
    for split, count in (("train", 64), ("dev", 16), ("eval", 16)):
        table = artifacts.read_table(f"data/manifest/gan/{split}/utterances.csv", {})
        assert len(table) == count and set(table["split"]) == {split}
    account = artifacts.read_json("data/manifest/gan/split.json")["fixed"]
    assert account["shared_speaker"] == 0
    assert account["splits"]["dev"] == {
        "utterances": 16,
        "speakers": ["dev-0", "dev-1"],
        "labels": {"loud": 8, "soft": 8},
    }


def test_audio_that_is_gone_is_made_again_where_the_manifest_says(tree):
    written(tree)
    prepare.main(TASK)
    path = Path("corpora", artifacts.read_table("data/manifest/gan/dev/utterances.csv", {})["path"][0])
    before = path.read_bytes()
    shutil.rmtree("corpora")
    provide.main(TASK)
    assert path.read_bytes() == before


def test_wrong_parameters_are_refused_by_their_key(tree):
    tree["tasks"][TASK]["prepare"]["max_absent"] = "some"
    written(tree)
    for stage in (prepare, provide):
        with pytest.raises(Refused, match="tasks.gan.prepare.max_absent is 'some', expected float"):
            stage.main(TASK)


def test_a_table_that_is_not_about_splits_goes_into_each():
    classes, scores = pd.DataFrame({"label": ["sad"]}), pd.DataFrame({"split": ["dev", "eval"], "score": [1, 2]})
    assert prepare.of_split(classes, "dev").equals(classes)
    assert prepare.of_split(scores, "eval")["score"].tolist() == [2]


def test_the_share_that_may_be_absent_is_of_each_corpus():
    def corpus(gone, split):
        rows = [{"id": f"{split}{i}", "path": f"{i}.wav", "split": split} for i in range(20)]
        return pd.DataFrame(rows).assign(bytes=[None if i < gone else 1 for i in range(20)])

    own = pd.concat([corpus(0, "train"), corpus(0, "dev")])
    corpora = {"big": Corpus(own, {}, {}), "other": Corpus(corpus(2, "eval"), {}, {})}
    settings = Prepare("big", "other", 0.05, {})
    with pytest.raises(Refused, match=r"2 of 20 recordings that the protocols list are absent \(10.0%"):
        prepare.prepare(corpora, settings)
    assert len(prepare.prepare(corpora, replace(settings, max_absent=0.1))["eval"]["utterances"]) == 18
