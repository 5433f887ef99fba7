"""Members of a system: its trainings, one for each fold and seed.

Scores of two members have no common scale: two perfect members whose scores are shifted have a pooled equal error rate
of 0.5. So what is drawn of scores is drawn of each member, and rates are means over members.
"""

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.scoring import members

ONLY = "only"  # the name of the member where nothing tells members apart


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each member by its name ("fold 2, seed 1"), by fold and then by seed; `ONLY` where nothing tells them
    apart.

    Raises Refused if some rows have a fold or seed and others have none.
    """
    return {member.title or ONLY: rows for member, rows in members.split(table).items()}


def seeds(table: pd.DataFrame) -> int:
    """How often each utterance of a fold stands in the table: once a seed.

    Raises Refused unless every fold has every seed, and as `split` does.
    """
    there = list(members.split(table))
    count = len({member.seed for member in there})
    if len(there) != len({member.fold for member in there}) * count:
        raise Refused(f"members are {'; '.join(split(table))}: expected every fold with every seed")
    return count


def over_members(count: int) -> str:
    """What a number is that was averaged over so many members: "" of one, "mean over 8 members" of more."""
    return f"mean over {count} members" if count > 1 else ""


def over_seeds(count: int) -> str:
    """What counts are that were divided by a number of seeds: "" of one, "mean over 3 seeds" of more."""
    return f"mean over {count} seeds" if count > 1 else ""
