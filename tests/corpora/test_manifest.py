import dataclasses
import typing

import pandas as pd
import pytest

from stages.prepare import prepare
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.corpora import manifest
from voxdag.corpora.corpus import Corpus, CorpusMissing, reader
from voxdag.corpora.manifest import Prepare


def corpus(prefix, absent=()):
    rows = [
        {
            "id": f"{prefix}{split}{i}",
            "path": f"{prefix}{split}{i}.flac",
            "split": split,
            "speaker": "s",
            "label": label,
        }
        for split in ("train", "dev", "eval")
        for i, label in enumerate(("bonafide", "spoof"))
    ]
    trials = pd.DataFrame(rows).assign(speaker="s", attack=[None, "A01"] * 3, bytes=pd.array([9] * 6, "Int64"))
    trials.loc[trials["id"].isin(absent), "bytes"] = pd.NA
    asv = pd.DataFrame({"split": ["dev", "eval"], "attack": None, "key": "target", "score": [1.0, 2.0]}).assign(
        of=prefix
    )
    return Corpus(trials, {"asv": asv}, {})


def settings(**changes):
    return Prepare(**({"corpus": "a", "eval_corpus": None, "max_absent": 0.0, "corpora": {}} | changes))


def test_cross_corpus_evaluation_takes_eval_and_its_asv_scores_from_the_other_corpus():
    splits = prepare({"a": corpus("a"), "b": corpus("b")}, settings(eval_corpus="b"))
    assert splits["dev"]["utterances"]["id"].tolist() == ["adev0", "adev1"]
    assert splits["eval"]["utterances"]["id"].tolist() == ["beval0", "beval1"]
    assert splits["dev"]["asv"]["of"].tolist() == ["a"] and splits["eval"]["asv"]["of"].tolist() == ["b"]


def test_absent_recordings_stop_the_stage_above_the_limit_and_are_left_out_below():
    with pytest.raises(ValueError, match=r"1 of 6 recordings .* are absent \(16.7%, max_absent is 10.0%\).*adev0.flac"):
        prepare({"a": corpus("a", absent=["adev0"])}, settings(max_absent=0.1))
    splits = prepare({"a": corpus("a", absent=["adev0"])}, settings(max_absent=0.2))
    assert splits["dev"]["utterances"]["id"].tolist() == ["adev1"]


def test_a_split_without_audio_is_named():
    with pytest.raises(ValueError, match="the eval split of a has no recording on disk"):
        prepare({"a": corpus("a", absent=["aeval0", "aeval1"])}, settings(max_absent=1.0))


def test_a_recording_without_one_of_its_files_is_absent():
    pairs = corpus("a")
    pairs.trials["clean"] = pairs.trials["path"].str.replace("a", "clean/a", n=1)
    pairs.trials["clean_bytes"] = pd.array([9, 9, 9, None, 9, 9], "Int64")
    with pytest.raises(Refused, match=r"1 of 6 recordings .* are absent \(16.7%.*: clean/adev1.flac"):
        prepare({"a": pairs}, settings(max_absent=0.1))
    splits = prepare({"a": pairs}, settings(max_absent=0.2))
    assert splits["dev"]["utterances"]["id"].tolist() == ["adev0"]
    published = dataclasses.replace(pairs, departures=())
    assert manifest.departures(published) == ["1 of 6 recordings are absent, such as clean/adev1.flac"]


WHERE = "tasks.emotion.prepare"
SAVEE = {"labels": None, "speakers": None, "folds": "standard", "official": True, "allow_departures": False}
SENTENCES = [f"{code}{n:02d}" for code in ("a", "d", "f", "h", "n", "sa", "su") for n in range(1, 16)]
SENTENCES += [f"n{n:02d}" for n in range(16, 31)]


@pytest.fixture
def savee(tmp_path, monkeypatch):
    """The folder of a whole SAVEE: four speakers, 120 files each."""
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path))
    for speaker in ("DC", "JE", "JK", "KL"):
        (tmp_path / "savee" / speaker).mkdir(parents=True)
        for sentence in SENTENCES:
            (tmp_path / "savee" / speaker / f"{sentence}.wav").write_bytes(b"audio")
    return tmp_path / "savee"


def read(root="savee", **changes):
    options = {"savee": SAVEE | {"root": root} | changes}
    return manifest.read(settings(corpus="savee", corpora=options), WHERE)["savee"]


def test_a_corpus_as_published_is_read(savee):
    assert len(read().trials) == 480
    assert len(read(labels=["sad"], speakers=["DC", "JE", "KL"]).trials) == 45  # what options leave out was there


def test_half_a_corpus_is_refused_with_what_it_lacks_and_what_to_do(savee):
    for speaker in ("JK", "KL"):
        for sentence in SENTENCES[15:]:
            (savee / speaker / f"{sentence}.wav").unlink()
    with pytest.raises(Refused) as caught:
        read()
    message = str(caught.value)
    # Six labels (all but angry) and two speakers; the first five are named.
    assert (
        f"savee under {savee} is not as published: 8 departures (label neutral has 60 utterances, published are 120; "
        in message
    )
    assert "label disgust has 30 utterances, published are 60; ...)" in message and "speaker" not in message
    assert f"-S {WHERE}.corpora.savee.allow_departures=true" in message


def test_departures_may_be_allowed_and_are_reported_then(savee, caplog):
    (savee / "JK" / "sa03.wav").unlink()
    with pytest.raises(Refused, match="label sad has 59 .*; speaker JK has 119 utterances, published are 120"):
        read(labels=["happy", "sad"], speakers=["DC", "JE", "KL"])  # the counts are those of all that is there
    expected = ["label sad has 59 utterances, published are 60", "speaker JK has 119 utterances, published are 120"]
    assert read(allow_departures=True).report["departures"] == expected
    assert [record.message for record in caplog.records] == [f"savee is not as published: {text}" for text in expected]
    assert len(read(official=False).trials) == 479
    assert manifest.counted(["one"]) == "1 departure (one)"


def test_recordings_that_are_listed_and_absent_are_departures_of_the_published_corpus_alone():
    other, published = corpus("a", absent=["adev0"]), corpus("a", absent=["adev0", "adev1"])
    assert manifest.departures(other) == []
    assert manifest.departures(dataclasses.replace(published, departures=("dev has 1 trial",))) == [
        "dev has 1 trial",
        "2 of 6 recordings are absent, such as adev0.flac",
    ]
    assert manifest.departures(dataclasses.replace(corpus("a"), departures=())) == []


def test_pointers_of_git_lfs_are_departures_of_the_published_corpus(savee):
    (savee / "JK" / "sa03.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    message = "1 departure .1 of 480 recordings are pointers of Git LFS, such as savee/JK/sa03.wav: `git lfs pull`"
    with pytest.raises(Refused, match=message):
        read()
    assert len(read(official=False).trials) == 480


def test_a_missing_corpus_is_told_by_the_params_key_of_its_root(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path))
    message = f"Put it at {tmp_path}/nowhere.* Params key {WHERE}.corpora.savee.root names the folder of this one.$"
    with pytest.raises(CorpusMissing, match=message):
        read("nowhere")
    with pytest.raises(CorpusMissing, match=message):
        manifest.provide(settings(corpus="savee", corpora={"savee": SAVEE | {"root": "nowhere"}}), WHERE)


def leaves(section):
    """The keys of a section, and of those in it."""
    return {key: leaves(value) if isinstance(value, dict) else None for key, value in section.items()}


def fields(options):
    """The same of a dataclass and those that its fields hold."""
    hints = typing.get_type_hints(options)
    return {
        field.name: fields(hints[field.name]) if dataclasses.is_dataclass(hints[field.name]) else None
        for field in dataclasses.fields(options)
    }


LISTED = [
    (task, name, section)
    for task, sections in params.read()["tasks"].items()
    for name, section in sections["prepare"]["corpora"].items()
]


@pytest.mark.parametrize(("task", "name", "section"), LISTED, ids=[f"{task}-{name}" for task, name, _ in LISTED])
def test_every_option_of_every_corpus_stands_in_the_parameters(task, name, section):
    assert leaves(section) == fields(reader(name).Options)


def test_a_corpus_without_options_is_named():
    with pytest.raises(ValueError, match="tasks.x.prepare.corpora has no options for simulated_la; it has none"):
        settings(corpus="simulated_la").open("simulated_la", "tasks.x.prepare")
