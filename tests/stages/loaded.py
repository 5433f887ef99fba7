"""Which files of ours a stage loads when it runs, beside those that its code dependency names.

undeclared(folder, "train", "aasist") == set()    # in a clone where `dvc repro` has run
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

from voxdag.core.code import OURS

# Runs a module as `python -m` does, and writes the files of all modules when it ends, in whatever way.
PROGRAM = """
import atexit, pathlib, runpy, sys
out, name, *sys.argv[1:] = sys.argv[1:]

def write():
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    pathlib.Path(out).write_text("\\n".join(sorted(file for file in files if file)))

atexit.register(write)
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


def loaded(folder: Path, out: Path, stage: str, *names: str) -> set[str]:
    """The files of ours, as paths below `folder`, that `python -m stages.<stage> <names>` loads, run there.

    out: a file to write them to. All work is done in one process, so that nothing is loaded in another unseen.

    Raises RuntimeError with what the stage printed where it fails.
    """
    command = [sys.executable, "-c", PROGRAM, str(out), f"stages.{stage}", *names]
    environment = os.environ | {"VOXDAG_JOBS": "1", "VOXDAG_WORKERS": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"stages.{stage} {' '.join(names)}: {done.stdout}{done.stderr}")
    files = (Path(line) for line in out.read_text().splitlines())
    below = (file.relative_to(folder.resolve()) for file in files if file.is_relative_to(folder.resolve()))
    return {f"stages/{stage}.py"} | {file.as_posix() for file in below if file.parts[0] in OURS}


def declared(folder: Path, stage: str, item: str) -> set[str]:
    """The files of ours that data/code names for an item of a stage."""
    lines = (folder / "data/code" / stage / f"{item}.txt").read_text().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("package ")}


def undeclared(folder: Path, out: Path, stage: str, item: str) -> set[str]:
    """The files that an item of a stage loads and does not depend on; files without code are none.

    item: "all" for a stage that goes over nothing.
    """
    names = () if item == "all" else (item,)
    found = loaded(folder, out, stage, *names) - declared(folder, stage, item)
    return {file for file in found if has_code(folder / file)}


def has_code(file: Path) -> bool:
    """Whether a file holds more than a docstring."""
    tree = ast.parse(file.read_text())
    return len(tree.body) > (ast.get_docstring(tree) is not None)
