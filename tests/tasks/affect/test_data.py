"""What the affect task selects, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks.affect.data import COLUMNS, quadrants, select, targets


def rows(split, **changes):
    table = pd.DataFrame({"id": [f"{split}{i}" for i in range(3)], "valence": [-1.0, 0.5, 1.0]})
    table = table.assign(path=table["id"] + ".mp3", split=split, song=[f"{split}-a", f"{split}-a", f"{split}-b"])
    table = table.assign(speaker=table["song"], arousal=[0.0, -0.25, 0.3], valence_sd=0.4, arousal_sd=0.0)
    return table.assign(**{"annotators": 10.0} | changes)


def splits(**changed):
    return {split: rows(split, **changed.get(split, {})) for split in ("train", "dev", "eval")}


def test_all_is_selected_as_it_is():
    given = splits(dev={"annotators": None, "valence_sd": np.nan})
    assert all(select(given)[split].equals(table) for split, table in given.items())


def test_targets_and_quadrants_by_hand():
    table = rows("dev")
    assert targets(table).tolist() == [[-1, 0], [0.5, -0.25], [1, pytest.approx(0.3)]]
    assert targets(table).dtype == np.float32
    assert quadrants(table).tolist() == [
        "negative valence, high arousal",  # the middle counts as high
        "positive valence, low arousal",
        "positive valence, high arousal",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dev": {"id": ["a", "a", "b"]}}, "1 ids are listed twice in dev, such as a"),
        ({"dev": {"id": ["train0", "b", "c"]}}, "1 ids are listed twice over all splits, such as train0"),
        (
            {"dev": {"valence": [0.1, np.nan, 0.2]}},
            "1 of 3 clips of dev have another valence than -1 to 1, the first is dev1 with nan",
        ),
        ({"eval": {"arousal": [0.1, 0.2, 1.25]}}, "another arousal than -1 to 1, the first is eval2 with 1.25"),
        ({"train": {"valence": [5.0, 3.0, 8.1]}}, "3 of 3 clips of train .* train0 with 5.0"),  # 1 to 9
        ({"train": {"arousal_sd": -0.1}}, "another arousal_sd than 0 or more, or none, the first is train0 with -0.1"),
        ({"train": {"valence_sd": [0.1, 0.2, np.inf]}}, "another valence_sd .* train2 with inf"),
        ({"eval": {"annotators": [10.0, 0.0, 10.0]}}, "another annotators than 1 or more, or none, .* eval1 with 0.0"),
        ({"eval": {"song": ["x", "", "y"]}}, "1 of 3 clips of eval have another song than the name of a song"),
        (
            {"eval": {"song": ["x", "train-b", "train-a"]}},
            "2 songs are in two splits, such as train-.* in train and eval",
        ),
        ({"dev": {"arousal": 0.25}}, "dev has one arousal, 0.25, in all clips: expected two values or more"),
    ],
)
def test_what_no_manifest_may_hold_is_refused_by_id(changed, message):
    with pytest.raises(Refused, match=message):
        select(splits(**changed))


@pytest.mark.parametrize("column", ["song", "speaker", "valence", "arousal_sd", "annotators"])
def test_a_missing_column_is_named(column):
    given = splits()
    given["eval"] = given["eval"].drop(columns=column)
    with pytest.raises(
        Refused, match=f"the manifest lacks {column} in eval; the affect task needs {', '.join(COLUMNS)}"
    ):
        select(given)


def folded(**changed):
    """Two folds: in fold 2, dev and eval change places."""
    table = splits()
    every = {
        "train": table["train"].assign(folds="1 2"),
        "dev": pd.concat([table["dev"].assign(folds="1"), table["eval"].assign(folds="2")]),
        "eval": pd.concat([table["eval"].assign(folds="1"), table["dev"].assign(folds="2")]),
    }
    return {split: rows.assign(**changed.get(split, {})) for split, rows in every.items()}


def test_a_clip_is_in_several_splits_but_in_one_of_each_fold():
    assert len(select(folded())["dev"]) == 6
    leak = {"song": ["train-a", "dev-b", "dev-c", "eval-a", "eval-b", "eval-c"]}
    with pytest.raises(Refused, match="fold 1: 1 songs are in two splits, such as train-a in train and dev"):
        select(folded(dev=leak))


def test_a_fold_that_is_there_to_show_the_leak_may_share_songs():
    given = {split: rows.assign(folds="leaky-1", song="one") for split, rows in splits().items()}
    assert select(given) is given
    with pytest.raises(Refused, match="fold 1: 1 songs are in two splits, such as one in train and dev and eval"):
        select({split: rows.assign(folds="1") for split, rows in given.items()})


def test_a_fold_whose_labels_do_not_vary_is_named():
    with pytest.raises(Refused, match="fold 2: dev has one valence, 0.5, in all clips"):
        select(folded(dev={"valence": [0.1, 0.2, 0.3, 0.5, 0.5, 0.5]}))
