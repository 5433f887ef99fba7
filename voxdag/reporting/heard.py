"""What figures are of: the recordings of eval that each system heard, and what intervals draw.

Systems that hear eval through codecs are measured on other recordings than those that hear it as it is. What they reach
stands side by side in tables and pictures, and compares no more than figures of two corpora do (stages/compare.py
pairs none of them).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from voxdag.reporting.measured import Task
from voxdag.tasks import results
from voxdag.tasks.transferred import MEAN, OWN, WORST

AS_IT_IS = "as it is"
GROUPS_DRAW = "utterance"  # what voxdag.scoring.tables.group_metrics draws; tables of groups have no column of it
COLUMN = "resampled_by"
SEEDS = {"of a": "of the first", "of b": "of the second", "of a and b": "of both, each by itself"}  # as `paired` says


def words(codecs: str) -> str:
    """How recordings were heard; codecs: an entry of `coded`, "" of none."""
    return f"through {codecs}" if codecs else AS_IT_IS


def by_recordings(task: Task) -> dict[str, list[str]]:
    """What was measured, by how it heard eval, in words."""
    groups: dict[str, list[str]] = {}
    for name in task.measured:
        groups.setdefault(words(task.heard.get(name, "")), []).append(name)
    return groups


def tag(task: Task, name: str) -> str:
    """What a row says of its system where others heard other recordings."""
    return words(task.heard.get(name, "")) if len(by_recordings(task)) > 1 else ""


def note(task: Task) -> str:
    """Who heard which recordings, in sentences; nothing where all heard eval as it is."""
    groups = by_recordings(task)
    if list(groups) in ([], [AS_IT_IS]):
        return ""
    listed = "; ".join(f"{', '.join(names)}: eval {how}" for how, names in groups.items())
    return f"{listed}." + (" Figures of different recordings do not compare." if len(groups) > 1 else "")


def columns_of_matrix(task: Task, columns: Sequence[str]) -> str:
    """What the columns of the matrix are that do not name recordings, in a sentence each."""
    further = [name for name in columns if name not in (OWN, WORST, MEAN)]
    chosen = [name for name in further if name in task.transfers] or further
    said = [f"{name}: eval {words(task.transfers[name])}." for name in further if name in task.transfers]
    if OWN in columns:
        listed = "; ".join(f"{how} of {', '.join(names)}" for how, names in by_recordings(task).items())
        said.append(f"{OWN}: each system's eval of Results ({listed}).")
    if {WORST, MEAN} & set(columns):
        said.append(f"{WORST} and {MEAN}: over {', '.join(chosen)}, not over {OWN}.")
    return " ".join(said)


def drawn(task: Task, by: Iterable[str]) -> str:
    """What intervals draw, in a sentence. by: values of a table's own column, by speaker or by utterance."""
    units = dict.fromkeys(task.apart if name == results.BY else "recordings" for name in by if not pd.isna(name))
    return f"Intervals draw {' or '.join(units)}." if units else ""


def drawn_of_groups(task: Task, rows: pd.DataFrame) -> str:
    """The same of a table of groups."""
    by = list(dict.fromkeys(rows[COLUMN])) if COLUMN in rows else [GROUPS_DRAW]
    other = f" They are no intervals over {task.apart}, as those of Results are." if by == [GROUPS_DRAW] else ""
    return drawn(task, by) + other


def drawn_of_pairs(task: Task, pairs: pd.DataFrame) -> str:
    """The same of paired differences."""
    found = [in_pairs(task, text) for text in dict.fromkeys(pairs["resampled"].dropna())]
    return f"Intervals draw {' or '.join(found)}." if found else ""


def in_pairs(task: Task, text: str) -> str:
    """What `paired` says that it drew, in the words of the task; in a sentence."""
    what, _, seeds = text.partition(", seeds ")
    who = what.replace("speakers", task.apart)
    return f"{who} and seeds {SEEDS.get(seeds, seeds)}" if seeds else who
