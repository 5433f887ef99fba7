"""Members of a system: its trainings, one for each fold and seed.

Scores of two members have no common scale: two perfect members whose scores are shifted have a pooled equal error rate
of 0.5. So what is drawn of scores is drawn of each member, and rates are means over members.
"""

from collections.abc import Sequence

import pandas as pd

from voxdag.core.errors import Refused

AXES = ("fold", "seed")
ONLY = "only"  # the name of the member where nothing tells members apart


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each member by its name ("fold 2, seed 1"), by fold and then by seed.

    A table without folds (a fixed split) or seeds has members that are named by the other; without both, one, `ONLY`.

    Raises Refused if some rows have a fold or seed and others have none.
    """
    axes = [axis for axis in AXES if _known(table, axis)]
    if not axes:
        return {ONLY: table}
    groups = {key: rows for key, rows in table.groupby(axes)}
    return {_name(axes, key): groups[key] for key in sorted(groups, key=_natural)}


def seeds(table: pd.DataFrame) -> int:
    """How often each utterance of a fold stands in the table: once a seed.

    Raises Refused unless every fold has every seed, and as `split` does.
    """
    names = split(table)
    shape = {axis: table[axis].nunique() for axis in AXES if _known(table, axis)}
    if len(names) != shape.get("fold", 1) * shape.get("seed", 1):
        raise Refused(f"members are {'; '.join(names)}: expected every fold with every seed")
    return shape.get("seed", 1)


def over_members(count: int) -> str:
    """What a number is that was averaged over so many members: "" of one, "mean over 8 members" of more."""
    return f"mean over {count} members" if count > 1 else ""


def over_seeds(count: int) -> str:
    """What counts are that were divided by a number of seeds: "" of one, "mean over 3 seeds" of more."""
    return f"mean over {count} seeds" if count > 1 else ""


def _known(table: pd.DataFrame, axis: str) -> bool:
    if axis not in table:
        return False
    missing = table[axis].isna() | (table[axis].astype(str) == "")
    if missing.any() and not missing.all():
        raise Refused(f"{missing.sum()} of {len(table)} rows have no {axis}: expected all or none")
    return not missing.all()


def _name(axes: Sequence[str], key: tuple) -> str:
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, key, strict=True))


def _natural(key: tuple) -> list[tuple[int, str]]:
    """Fold 2 before fold 10."""
    return [(len(str(value)), str(value)) for value in key]
