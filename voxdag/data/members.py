"""Members: a system is trained once for each fold of its corpus and each of its seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds


class Member(NamedTuple):
    """One training of a system. fold: its name, empty where the split is fixed; seed: of all that is drawn in it."""

    fold: str
    seed: int

    @property
    def name(self) -> str:
        """As folders and command lines write it: seed-1, or fold-3_seed-1."""
        return f"fold-{self.fold}_seed-{self.seed}" if self.fold else f"seed-{self.seed}"

    def mark(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the columns that say whose it is: fold, where there are folds, and seed."""
        return table.assign(**({"fold": self.fold} if self.fold != folds.FIXED else {}), seed=self.seed)


def members(utterances: pd.DataFrame, seeds: Iterable[int]) -> list[Member]:
    """The members of a system, of the utterances of a split (see `voxdag.data.folds`): fold by fold, seed by seed.

    Raises Refused where there is no seed or one is there twice.
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise Refused(f"seeds are {seeds}, expected one or more, each once")
    return [Member(fold, seed) for fold in folds.names(utterances) for seed in seeds]
