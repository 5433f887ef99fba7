"""What a revision of the repository holds: a commit, a branch, an experiment, or what lies here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from voxdag.core import params
from voxdag.core.errors import NotHere
from voxdag.data import layout
from voxdag.tasks import results

WORKSPACE = "workspace"


class Revision(NamedTuple):
    """tree: its parameters; predictions: system -> split -> table; tables: task -> the task's other tables."""

    name: str
    tree: Mapping
    predictions: Mapping[str, Mapping[str, pd.DataFrame]]
    tables: Mapping[str, Mapping]


def read(name: str, only: str | None, folder: Path) -> Revision:
    """What a revision holds, through `folder`. Raises NotHere where there is no such revision, or DVC lacks its files.

    only: one system; None: all.
    """
    systems = fetched(name, only, folder)
    with chdir(folder):
        tree = params.read()
        predictions = {system: results.read(system, task) for system, task in systems.items()}
        return Revision(name, tree, predictions, {task: results.tables(task) for task in set(systems.values())})


def fetched(name: str, only: str | None, folder: Path) -> dict[str, str]:
    """The systems of a revision, each with its task; what they predicted lies in `folder` afterwards."""
    from dvc.api import DVCFileSystem  # not at the top: it takes a second to import
    from dvc.exceptions import DvcException
    from dvc.scm import RevError
    from dvc_data.index.index import DataIndexError  # of a folder of which not even the list of files is there

    try:
        files = DVCFileSystem(rev=None if name == WORKSPACE else name)
        files.get_file("params.yaml", (folder / "params.yaml").as_posix())
        tree = params.read(folder / "params.yaml")
        systems = {only: params.system(tree, only).task} if only else _tasks(tree)
        for path in _paths(systems):
            files.get(path.as_posix(), (folder / path).as_posix(), recursive=True)
    except (RevError, DvcException, DataIndexError, FileNotFoundError) as reason:
        raise NotHere(f"{name}: {reason} (not in DVC's cache? `dvc pull`, or run it again)") from reason
    return systems


def _tasks(tree: Mapping) -> dict[str, str]:
    return {name: system["task"] for name, system in (tree["systems"] or {}).items()}


def _paths(systems: Mapping[str, str]) -> list[Path]:
    tables = [layout.manifest(task, split) for task in dict.fromkeys(systems.values()) for split in results.SPLITS]
    return [*(layout.predictions(name) for name in systems), *tables]
