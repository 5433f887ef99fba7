"""Which tasks, systems and baselines a report is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voxdag.core import params
from voxdag.core.errors import Refused

GROUPS = ("systems", "baselines")


@dataclass(frozen=True)
class Chosen:
    """A task, and its systems and baselines that the report is about, in the order of params.yaml.

    whole: whether these are all that params.yaml has of the task
    """

    task: str
    systems: tuple[str, ...]
    baselines: tuple[str, ...]
    whole: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Systems, then baselines."""
        return (*self.systems, *self.baselines)


def choose(tree: Mapping[str, Any], tasks: Sequence[str] = (), names: Sequence[str] = ()) -> list[Chosen]:
    """What is asked for: these tasks (none: all that have a system or a baseline), of these systems and baselines.

    Without a name of its own a task has all of both; with some it has these alone, and all baselines where no baseline
    is among them. Raises Refused for a name that params.yaml does not have, and for one of another task.
    """
    for task in tasks:
        params.task(tree, task)
    known = {name: (item or {}).get("task") for group in GROUPS for name, item in (tree[group] or {}).items()}
    for name in names:
        if name not in known:
            raise Refused(f"{name} is no system or baseline of params.yaml; it has {', '.join(known) or 'none'}")
        if tasks and known[name] not in tasks:
            raise Refused(f"{name} is of the task {known[name]}, expected one of {', '.join(tasks)}")
    listed = tasks or [task for task in tree["tasks"] if any(known[name] == task for name in names or known)]
    return [_of_task(tree, task, names) for task in dict.fromkeys(listed)]


def _of_task(tree: Mapping[str, Any], task: str, names: Sequence[str]) -> Chosen:
    every = [params.of_task(tree, task, group) for group in GROUPS]
    asked = [[name for name in group if name in names] for group in every]
    if not any(asked):
        return Chosen(task, tuple(every[0]), tuple(every[1]))
    systems, baselines = asked[0], asked[1] or every[1]
    return Chosen(task, tuple(systems), tuple(baselines), whole=[systems, baselines] == every)
