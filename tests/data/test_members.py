"""Which trainings a system has, and what they are called."""

import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.data.members import Member, members

FIXED = pd.DataFrame({"id": ["a", "b"]})
FOLDS = pd.DataFrame({"id": ["a", "b"], "folds": ["1 10", "2"]})


def test_every_fold_is_trained_with_every_seed():
    assert members(FOLDS, [7, 3]) == [Member(f, s) for f in ("1", "2", "10") for s in (7, 3)]
    assert members(FIXED, [7, 3]) == [Member("", 7), Member("", 3)]


def test_names_are_those_of_folders():
    assert Member("", 7).name == "seed-7"
    assert Member("leaky-2", 7).name == "fold-leaky-2_seed-7"


def test_titles_are_those_of_figures_and_messages():
    assert Member("3", 2).title == "fold 3, seed 2"
    assert [member.title for member in (Member("3"), Member(seed=2), Member())] == ["fold 3", "seed 2", ""]


def test_a_table_is_marked_with_whose_it_is():
    assert Member("", 7).mark(FIXED).to_dict("list") == {"id": ["a", "b"], "seed": [7, 7]}
    assert Member("2", 7).mark(FIXED).to_dict("list") == {"id": ["a", "b"], "fold": ["2", "2"], "seed": [7, 7]}
    assert list(Member().mark(FIXED)) == ["id"]  # scores that others published


@pytest.mark.parametrize("seeds", [[], [1, 2, 1]])
def test_no_seed_and_a_seed_that_is_there_twice_are_refused(seeds):
    with pytest.raises(Refused, match=r"seeds are \[.*\], expected one or more, each once"):
        members(FIXED, seeds)
