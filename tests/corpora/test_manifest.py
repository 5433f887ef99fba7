import pandas as pd
import pytest

from stages.prepare import prepare
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.manifest import Prepare
from voxdag.tasks.antispoof.data import check


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


def test_a_corpus_without_options_is_named():
    with pytest.raises(ValueError, match="tasks.x.prepare.corpora has no options for simulated_la; it has none"):
        settings(corpus="simulated_la").open("simulated_la", "tasks.x.prepare")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="attack"), "the manifest lacks attack"),
        (lambda t: t.assign(label="bona-fide"), r"labels \['bona-fide'\] are not anti-spoofing labels"),
        (lambda t: t.assign(id="x"), "5 ids are listed twice, such as x"),
        (lambda t: t[t["label"] == "spoof"], "the dev split has 0 bona fide and 1 spoof utterances"),
    ],
)
def test_a_manifest_that_is_no_anti_spoofing_manifest_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check(change(corpus("a").trials))
