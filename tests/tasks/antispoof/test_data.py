"""What the anti-spoofing task selects, and what it refuses."""

import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks.antispoof.data import LABELS, select, targets


def rows(split, *labels):
    table = [
        {"id": f"{split}{i}", "path": "p", "split": split, "speaker": "s", "label": label, "attack": None}
        for i, label in enumerate(labels)
    ]
    return pd.DataFrame(table)


def splits(**changes):
    return {split: rows(split, "bonafide", "spoof") for split in ("train", "dev", "eval")} | changes


def test_spoof_is_zero_and_bona_fide_one():
    assert LABELS == ("spoof", "bonafide")  # the official weights' order of outputs
    assert targets(pd.Series(["bonafide", "spoof", "bonafide"])).tolist() == [1, 0, 1]
    with pytest.raises(Refused, match=r"labels \['genuine'\] are none that a network has an output for"):
        targets(pd.Series(["spoof", "genuine"]))


def test_all_utterances_are_selected():
    given = splits()
    assert select(given) is given


def test_a_split_without_a_class_is_refused_with_counts():
    with pytest.raises(Refused, match="the dev split has 0 bona fide and 2 spoof utterances"):
        select(splits(dev=rows("dev", "spoof", "spoof")))


def test_another_label_is_refused():
    with pytest.raises(
        Refused, match=r"labels \['genuine', 'nan'\] are none of anti-spoofing, which are spoof, bonafide"
    ):
        select(splits(eval=rows("eval", "bonafide", "spoof", "genuine", None)))


def test_a_missing_column_is_refused():
    with pytest.raises(Refused, match="the manifest lacks attack in train; anti-spoofing needs id, path, split"):
        select(splits(train=rows("train", "bonafide", "spoof").drop(columns="attack")))


def test_an_id_that_is_listed_twice_is_refused_within_and_across_splits():
    twice = pd.concat([rows("dev", "bonafide", "spoof"), rows("dev", "bonafide")])
    with pytest.raises(Refused, match="1 ids are listed twice in dev, such as dev0"):
        select(splits(dev=twice))
    with pytest.raises(Refused, match="2 ids are listed twice over all splits, such as train0"):
        select(splits(eval=rows("train", "bonafide", "spoof")))
    folded = {
        split: table.assign(folds="1") for split, table in splits(eval=rows("train", "bonafide", "spoof")).items()
    }
    assert select(folded) is folded  # an utterance has a row in each split that it is ever in
