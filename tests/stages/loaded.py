"""Which files of ours stages load when they run, beside those that their code dependencies name.

environment |= recorder(records)                           # of what runs stages, `dvc repro` for example
undeclared(folder, records, "train", "aasist") == set()    # afterwards
"""

import ast
from pathlib import Path

import yaml

from voxdag.core.code import OURS

# Python runs it before anything else: each stage writes the files of all modules when it ends, in whatever way.
PROGRAM = """
import atexit, os, pathlib, sys

def write():
    script = pathlib.Path(sys.argv[0])
    if script.parent.name == "stages":
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        record = pathlib.Path(os.environ["RECORDS"], "-".join([script.stem, *sys.argv[1:]]))
        record.write_text("\\n".join(sorted(file for file in files if file)))

atexit.register(write)
"""


def recorder(records: Path) -> dict[str, str]:
    """Environment variables under which every stage writes what it loads into a file of the folder `records`. All work
    is done in one process, so that nothing is loaded in another unseen."""
    records.mkdir(exist_ok=True)
    (records / "sitecustomize.py").write_text(PROGRAM)
    return {"PYTHONPATH": str(records), "RECORDS": str(records), "VOXDAG_JOBS": "1", "VOXDAG_WORKERS": "0"}


def loaded(folder: Path, records: Path, stage: str, *names: str) -> set[str]:
    """The files of ours, as paths below `folder`, that `python -m stages.<stage> <names>` loaded there."""
    files = (Path(line) for line in (records / "-".join([stage, *names])).read_text().splitlines())
    below = (file.relative_to(folder.resolve()) for file in files if file.is_relative_to(folder.resolve()))
    return {f"stages/{stage}.py"} | {file.as_posix() for file in below if file.parts[0] in OURS}


def declared(folder: Path, stage: str, item: str) -> set[str]:
    """The files of ours that data/code names for an item of a stage, and for whole stages that it depends on."""
    body = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"][stage]
    deps = [dep for dep in body.get("do", body)["deps"] if dep.startswith("data/code/")]
    places = [folder / dep.replace("${key}", item) for dep in deps]
    texts = [text for place in places for text in (sorted(place.glob("*.txt")) if place.is_dir() else [place])]
    lines = [line for text in texts for line in text.read_text().splitlines()]
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("package ")}


def undeclared(folder: Path, records: Path, stage: str, item: str) -> set[str]:
    """The files that an item of a stage loads and does not depend on; files without code are none.

    item: "all" for a stage that goes over nothing.
    """
    names = () if item == "all" else (item,)
    found = loaded(folder, records, stage, *names) - declared(folder, stage, item)
    return {file for file in found if has_code(folder / file)}


def has_code(file: Path) -> bool:
    """Whether a file holds more than a docstring."""
    tree = ast.parse(file.read_text())
    return len(tree.body) > (ast.get_docstring(tree) is not None)
