"""Run the whole chain on a tiny corpus, in a folder of its own: a minute from nothing to a picture.

Usage:  python -m voxdag.demo [FOLDER]           (`make demo`); FOLDER: demo, by default
Reads:  presets/demo.yaml                        what makes the run tiny
Writes: FOLDER                                   a copy of the pipeline, and all that `dvc repro` makes there
Prints: the stages as they run, the table of metrics, where the pictures are

The figures mean nothing: 60 recordings and two epochs show what happens, not how good it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from voxdag.core import command, params, presets
from voxdag.core.errors import Refused
from voxdag.data import layout

PRESET = "demo"
TASK, SYSTEM, PICTURE = "antispoof", "aasist", "det"
PARTS = ("models", "stages", "voxdag", "dvc.yaml", ".dvcignore", ".dvc/plots", f"compare/{TASK}/dvc.yaml")
CONFIG = "[core]\n    no_scm = true\n    analytics = false\n"  # DVC alone: the folder is in no git
MARK = ".voxdag-demo"  # a folder with this file may be made anew
STEPS = (["dvc", "repro"], ["voxdag.results", "--tables"])


def tiny(tree: Mapping) -> dict:
    """params.yaml with one task and one system of it alone, and the preset's changes."""
    empty: dict[str, dict] = {section: {} for section in params.SECTIONS}
    alone = {"tasks": {TASK: tree["tasks"][TASK]}, "systems": {SYSTEM: tree["systems"][SYSTEM]}}
    return presets.merged({**tree, **empty, **alone}, presets.read(PRESET), "the demo")


def make(folder: Path, tree: Mapping) -> None:
    """A copy of the pipeline with these parameters. Raises Refused for a folder that is not a demo's."""
    if folder.exists() and not (folder / MARK).is_file():
        raise Refused(f"{folder} is there and no demo made it: name another folder, or move it away")
    shutil.rmtree(folder, ignore_errors=True)
    for part in map(Path, PARTS):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, folder / part)
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    (folder / ".dvc/config").write_text(CONFIG, encoding="utf-8")
    (folder / MARK).touch()


def main() -> None:
    """Make the folder and run the pipeline there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo"))
    folder = parser.parse_args().folder
    make(folder, tiny(params.read()))
    for step in STEPS:
        status = subprocess.call([sys.executable, "-m", *step], cwd=folder)
        if status:
            sys.exit(status)
    picture = folder / layout.plots(SYSTEM) / f"{PICTURE}.png"
    print("60 recordings and a few steps: these numbers say that everything runs, and nothing of the system.")
    print(f"the first picture: {picture}; the others lie beside it. The real run: make repro")


if __name__ == "__main__":
    command.guarded(main)
