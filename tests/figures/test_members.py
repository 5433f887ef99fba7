import numpy as np
import pandas as pd
import pytest

from voxdag.figures import members


def trained(folds, seeds, rows=2):
    """`rows` rows of each fold and seed; a fold of None is a fixed split."""
    pairs = [(fold, seed) for seed in seeds for fold in folds for _ in range(rows)]
    table = pd.DataFrame(pairs, columns=["fold", "seed"]).assign(row=range(len(pairs)))
    return table.drop(columns="fold") if folds == [None] else table


def test_members_are_named_and_stand_by_fold_and_then_seed_as_numbers_count():
    by_member = members.split(trained(["10", "2"], [11, 3]))
    assert list(by_member) == ["fold 2, seed 3", "fold 2, seed 11", "fold 10, seed 3", "fold 10, seed 11"]
    assert {name: rows["row"].tolist() for name, rows in by_member.items()} == {
        "fold 10, seed 11": [0, 1],
        "fold 2, seed 11": [2, 3],
        "fold 10, seed 3": [4, 5],
        "fold 2, seed 3": [6, 7],
    }


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (trained([None], [1, 2]), ["seed 1", "seed 2"]),
        (trained(["a", "b"], [1]).drop(columns="seed"), ["fold a", "fold b"]),
        (trained(["", ""], [1]), ["seed 1"]),
        (trained([np.nan], [5]), ["seed 5"]),
        (trained([None], [1]).drop(columns="seed"), ["only"]),
    ],
)
def test_what_tells_no_members_apart_is_not_in_their_names(table, names):
    assert list(members.split(table)) == names


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_a_row_without_the_fold_that_others_have_is_refused_not_dropped(missing):
    table = trained(["1", "2"], [1])
    table.loc[1, "fold"] = missing
    with pytest.raises(ValueError, match="some predictions have no fold, others have .*: expected all or none"):
        members.split(table)


@pytest.mark.parametrize(
    ("folds", "seeds", "count"), [(["1", "2", "3"], [1, 2], 2), ([None], [7, 8, 9], 3), (["1", "2"], [4], 1)]
)
def test_an_utterance_of_a_fold_stands_once_a_seed(folds, seeds, count):
    assert members.seeds(trained(folds, seeds)) == count
    assert members.seeds(trained(folds, seeds).drop(columns="seed")) == 1


def test_a_fold_that_lacks_a_seed_is_refused():
    table = trained(["1", "2"], [1, 2]).query("fold == '1' or seed == 1")
    with pytest.raises(ValueError, match="fold 1, seed 1; fold 1, seed 2; fold 2, seed 1: expected every fold with"):
        members.seeds(table)


def test_only_means_of_more_than_one_say_so():
    assert [members.over_members(count) for count in (1, 2)] == ["", "mean over 2 members"]
    assert [members.over_seeds(count) for count in (1, 3)] == ["", "mean over 3 seeds"]
