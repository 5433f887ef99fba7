"""A pipeline of stages that take no time and keep a journal: a diamond with a stage of each kind that DVC knows."""

import contextlib
import os
import shutil
from pathlib import Path

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from voxdag.side_by_side.engine import SideBySide
from voxdag.side_by_side.slots import Slots

PARAMS = {"seed": 1, "items": {"a": {"value": 1}, "b": {"value": 2}, "c": {"value": 3}}}

# Every command writes its stage's name into the journal, which no stage declares. With a file `broken_<item>` a branch
# fails.
PIPELINE = """
stages:
  look:
    cmd: echo look >> journal; mkdir look; for item in a b c; do echo $item > look/$item.txt; done
    always_changed: true
    outs: [look]
  first:
    cmd: echo first >> journal; cat source.txt added.txt > first.txt
    deps: [source.txt, added.txt]
    params: [seed]
    outs: [first.txt]
  branch:
    foreach: ${items}
    do:
      cmd:
        - test ! -e broken_${key}
        - echo branch@${key} >> journal; mkdir -p branch; cat first.txt look/${key}.txt > branch/${key}.txt
        - echo ${item.value} >> branch/${key}.txt
      deps: [first.txt, "look/${key}.txt"]
      params: ["items.${key}"]
      outs: ["branch/${key}.txt"]
  measure:
    foreach: ${items}
    do:
      cmd:
        - echo measure@${key} >> journal; mkdir -p measure
        - echo "{\\"n\\":" $(wc -l < branch/${key}.txt)"}" > measure/${key}.json
      deps: ["branch/${key}.txt"]
      metrics: ["measure/${key}.json": {cache: false}]
  grow:
    cmd: echo grow >> journal; cat first.txt >> grown.txt
    deps: [first.txt]
    outs: [grown.txt: {persist: true}]
  fixed:
    cmd: echo fixed >> journal
    deps: [first.txt]
    outs: [fixed.txt]
    frozen: true
  join:
    cmd:
      - echo join >> journal; cat branch/*.txt measure/*.json grown.txt fixed.txt > joined.txt
      - cp joined.txt joined.csv
    deps: [branch, measure, grown.txt, fixed.txt]
    outs: [joined.txt]
    plots: [joined.csv: {cache: false}]
"""
BELOW = """
stages:
  tail:
    cmd: echo tail >> ../journal; cp ../joined.txt tail.txt
    deps: [../joined.txt]
    outs: [tail.txt]
"""
GROUPS = {f"{group}@{item}" for group in ("branch", "measure") for item in "abc"}
STAGES = {"look", "first", "grow", "join", "tail", *GROUPS}  # whose commands run at first: `fixed` is frozen


def make(folder: Path) -> None:
    """The pipeline, not run, in a new folder under DVC alone."""
    (folder / "sub").mkdir(parents=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "sub/dvc.yaml").write_text(BELOW)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    for name in ("source", "added", "fixed"):
        (folder / f"{name}.txt").write_text(f"{name}\n")
    with inside(folder):
        Repo.init(no_scm=True).add("added.txt")


def copy(folder: Path, to: Path) -> Path:
    """The same pipeline, run as far as it was."""
    shutil.copytree(folder, to)
    return to


def serially(folder: Path, **options) -> bool:
    """`dvc repro` with its options; whether it succeeded."""
    with inside(folder):
        return _succeeds(lambda: Repo().reproduce(**options))


def side_by_side(folder: Path, jobs: int = 4, **options) -> tuple[bool, SideBySide]:
    """The same side by side, and the run."""
    with inside(folder):
        run = SideBySide(Repo(_wait_for_lock=True), Slots(jobs), quiet=True)
        return _succeeds(lambda: run.reproduce(**options)), run


def journal(folder: Path) -> list[str]:
    """The stages whose commands ran since this was asked, in order; the journal begins anew."""
    path = folder / "journal"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but DVC's own and records of how long stages took: lock files among them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "journal")
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: content for name, content in named.items() if not name.startswith((".dvc/", "data/runs"))}


def change_params(folder: Path, **values) -> None:
    """Change values of params.yaml: seed, or the value of an item."""
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    for name, value in values.items():
        if name in tree["items"]:
            tree["items"][name]["value"] = value
        else:
            tree[name] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


@contextlib.contextmanager
def inside(folder: Path):
    """With that folder as the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _succeeds(action) -> bool:
    try:
        action()
    except DvcException:
        return False
    return True
