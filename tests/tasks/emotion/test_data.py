"""What the emotion task selects, and what it refuses."""

import pandas as pd
import pytest

from voxdag.corpora import emotional
from voxdag.tasks.emotion.data import LABELS, select, targets


def rows(split, labels, speakers=("s",), folds=None):
    table = [
        {"id": f"{speaker}{label}", "path": "p", "split": split, "speaker": speaker, "label": label}
        for speaker in speakers
        for label in labels
    ]
    columns = {"sex": "male", "intensity": None, "sentence": "1"} | ({"folds": folds} if folds else {})
    return pd.DataFrame(table).assign(**columns)


def splits(train=("happy", "sad"), dev=("happy", "sad"), evaluated=("happy", "sad")):
    return {"train": rows("train", train), "dev": rows("dev", dev), "eval": rows("eval", evaluated)}


def test_the_labels_are_those_that_the_readers_write():
    assert LABELS == emotional.LABELS


def test_a_label_is_its_place():
    assert targets(pd.Series(["neutral", "bored", "sad"])).tolist() == [0, 8, 3]


def test_cross_corpus_evaluation_keeps_the_classes_that_both_have():
    selected = select(splits(evaluated=("happy", "disgust", "sad", "bored")))
    assert selected["eval"]["label"].tolist() == ["happy", "sad"]
    assert len(selected["train"]) == 2


def test_no_class_in_common_is_refused():
    with pytest.raises(ValueError, match=r"no class of eval \(disgust\) is one of train \(happy, sad\)"):
        select(splits(evaluated=("disgust",)))


def test_a_label_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"labels \['joyful'\] are none of the emotion task"):
        select(splits(dev=("happy", "joyful")))


def test_a_class_that_train_lacks_is_refused_with_its_fold():
    held = {
        "train": pd.concat([rows("train", ("happy", "sad"), "a", "1"), rows("train", ("happy",), "b", "2")]),
        "dev": rows("dev", ("happy",), "c", "1 2"),
        "eval": rows("eval", ("happy", "sad"), "d", "1 2"),
    }
    with pytest.raises(ValueError, match="fold 2: eval has sad, which train lacks; train has happy"):
        select(held)


def test_a_class_that_eval_lacks_is_told_and_not_hidden(caplog):
    select(splits(evaluated=("sad",)))
    assert "eval has no utterance of happy: no recall there" in caplog.text


def test_an_id_listed_twice_and_a_missing_column_are_refused():
    doubled = splits()
    doubled["train"] = pd.concat([doubled["train"], doubled["train"].head(1)])
    with pytest.raises(ValueError, match="1 ids are listed twice in train, such as shappy"):
        select(doubled)
    with pytest.raises(ValueError, match="the manifest lacks sex"):
        select({"train": rows("train", ("sad",)).drop(columns="sex")})
