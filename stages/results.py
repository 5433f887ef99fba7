"""Write down what the systems and baselines of each task gave: what `compare` depends on, task by task.

Usage:  python -m stages.results
Reads:  params.yaml                        which systems and baselines a task has
        data/predictions, metrics, plots   contents
Writes: data/results/<task>.txt            one line per file: its hash

`compare` goes over tasks, and DVC cannot list the systems of one. With this file between, a new result of one task
does not compare the systems of another again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from voxdag.core import command, params
from voxdag.core.files import write_text
from voxdag.data import layout

FOLDER = Path("data/results")
DIGEST_BYTES = 16


def files(name: str) -> Iterator[Path]:
    """The tables that a system or baseline wrote, sorted."""
    folders = (layout.predictions(name), layout.metrics(name), layout.plots(name))
    for folder in folders:
        yield from sorted(folder.glob("*.csv"))


def describe(names: list[str]) -> str:
    """One line for each table of these systems and baselines."""
    listed = (path for name in names for path in files(name))
    return "".join(f"{path.as_posix()} {_hash(path)}\n" for path in listed)


def main() -> None:
    tree = params.read()
    shutil.rmtree(FOLDER, ignore_errors=True)
    for task in tree["tasks"]:
        write_text(FOLDER / f"{task}.txt", describe([*params.of_task(tree, task)]))


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=DIGEST_BYTES).hexdigest()


if __name__ == "__main__":
    command.guarded(main)
