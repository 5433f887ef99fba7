"""Systems that others trained, known by their score files: the entries of `external`.

Several entries may be of one system, one a corpus. The dev scores of one of them freeze threshold and calibration for
all (`params.freezing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.params import External

SECTION = "external"


def of_task(tree: Mapping[str, Any], task: str) -> dict[str, External]:
    """The entries of a task, by name.

    Raises Refused where a system has dev scores twice, or a column twice, or is called as one of params.yaml.
    """
    entries = {name: params.external(tree, name) for name in params.of_task(tree, task, SECTION)}
    places: dict[tuple[str, str | None], str] = {}
    for name, entry in entries.items():
        if entry.system in params.of_task(tree, task):
            raise Refused(f"{SECTION}.{name}.system is {entry.system}, which params.yaml has: expected another name")
        first = places.setdefault((entry.system, entry.column), name)
        if first != name:
            column = f"the column {entry.column}" if entry.column else "the own eval"
            raise Refused(f"{SECTION}.{first} and {SECTION}.{name} are both {column} of {entry.system}: expected one")
        freezing = params.freezing(tree, name)
        if len(freezing) > 1:
            listed = " and ".join(f"{SECTION}.{other}.dev" for other in freezing)
            raise Refused(f"{listed} are both of {entry.system}: expected one, which freezes for all of its entries")
    return entries
