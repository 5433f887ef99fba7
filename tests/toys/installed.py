"""Toys of the tests: each folder holds what the commit that adds a task would add, laid out as the repository is."""

import importlib
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import yaml

TOYS = Path(__file__).parent
NAMES = sorted(path.parent.name for path in TOYS.glob("*/params.yaml"))
PLACES = ("models", "voxdag/tasks", "voxdag/corpora/readers")


def install(clone, *names):
    """Add toys to a clone that has nothing of other tasks in its parameters: files, and blocks of params.yaml."""
    tree = clone.tree()
    for section, value in tree.items():
        tree[section] = {} if isinstance(value, dict) else value
    for name in names:
        for place in PLACES:
            shutil.copytree(TOYS / name / place, clone.folder / place, dirs_exist_ok=True)
        for section, entries in yaml.safe_load((TOYS / name / "params.yaml").read_text()).items():
            tree[section] |= entries
    clone.write(tree | {"num_threads": 1, "device": "cpu"})


@contextmanager
def importable(*folders):
    """Find the tasks, networks and readers of toys beside those of the product, in this process."""
    with ExitStack() as stack:
        for place in PLACES:
            package = importlib.import_module(place.replace("/", "."))
            added = [str(folder / place) for folder in folders]
            stack.enter_context(mock.patch.object(package, "__path__", [*package.__path__, *added]))
        yield
