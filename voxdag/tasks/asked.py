"""What a command line asks for by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxdag.core import params
from voxdag.core.errors import Refused


def systems(tree: Mapping, task: str, names: Sequence[str], *groups: str) -> list[str]:
    """The names, each once. Raises Refused, with those there are, for one that is no system or baseline of the task
    (or of those of the `groups`)."""
    there = params.of_task(tree, task, *groups)
    other = [name for name in names if name not in there]
    if other:
        raise Refused(f"{other[0]} is no system of {task}; they are {', '.join(there)}")
    return list(dict.fromkeys(names))
