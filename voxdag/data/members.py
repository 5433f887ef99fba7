"""Members: a system is trained once for each fold of its corpus and each of its seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds

COLUMNS = ("fold", "seed")  # of tables that say of each row which member it is of


class Member(NamedTuple):
    """One training of a system.

    fold  its name, empty where the split is fixed
    seed  of all that is drawn in it; None of scores that others published
    """

    fold: str = folds.FIXED
    seed: int | None = None

    @property
    def name(self) -> str:
        """As folders and command lines write it: seed-1, or fold-3_seed-1."""
        return "_".join(f"{column}-{value}" for column, value in self.marks.items())

    @property
    def title(self) -> str:
        """As figures and messages write it: "fold 3, seed 1"; empty where nothing tells members apart."""
        return ", ".join(f"{column} {value}" for column, value in self.marks.items())

    @property
    def marks(self) -> dict[str, str | int]:
        """The columns that say whose a table is: fold, where there are folds, and seed, where there is one."""
        fold = {"fold": self.fold} if self.fold != folds.FIXED else {}
        return fold | ({"seed": self.seed} if self.seed is not None else {})

    def mark(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with these columns."""
        return table.assign(**self.marks)


def members(utterances: pd.DataFrame, seeds: Iterable[int]) -> list[Member]:
    """The members of a system, of the utterances of a split (see `voxdag.data.folds`): fold by fold, seed by seed.

    Raises Refused where there is no seed or one is there twice.
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise Refused(f"seeds are {seeds}, expected one or more, each once")
    return [Member(fold, seed) for fold in folds.names(utterances) for seed in seeds]
