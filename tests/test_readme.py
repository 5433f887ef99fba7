"""The experiments of the README, run as they stand and in order: each differs from the commit by what its line says."""

import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.clone import ROOT, Clone
from voxdag.core import params, presets

LINES = [line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    ")]
WORDS = [shlex.split(line, comments=True) for line in LINES if "exp run" in line or "voxdag.preset" in line]
STAGE = """
stages:
  train:
    cmd: cp params.yaml out.yaml
    deps: [params.yaml]
    outs: [out.yaml: {cache: false}]
"""


def test_there_are_experiments_of_both_kinds_and_none_runs_in_the_workspace():
    # in the workspace an experiment leaves its parameters to the next
    assert (
        len([words for words in WORDS if words[0] == "dvc"]) >= 4 <= len([words for words in WORDS if "--run" in words])
    )
    assert [words for words in WORDS if not {"--temp", "--queue"} & set(words)] == []


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The parameters and presets with one stage that takes no time."""
    clone = Clone(tmp_path_factory.mktemp("readme"))
    for name in ("voxdag", "presets", "params.yaml", ".gitignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone.folder / name)
    (clone.folder / "dvc.yaml").write_text(STAGE)
    clone("git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm run")
    return clone


def test_each_experiment_differs_from_the_commit_by_its_own_line_alone(clone):
    for words in (words for words in WORDS if "--temp" in words):
        clone(shlex.join(words))
        name = words[words.index("-n") + 1]
        ran = yaml.safe_load(
            clone(f"git show $(git for-each-ref --format='%(refname)' 'refs/exps/*/*/{name}'):out.yaml")
        )
        assert ran == expected(words), name
    assert clone("git status --porcelain") == ""


def expected(words):
    """params.yaml with a line's preset and overrides, and nothing else."""
    flags = [words[i + 1] for i, word in enumerate(words) if word == "-S"]
    if "voxdag.preset" in words:
        preset = presets.read(words[words.index("voxdag.preset") + 1])
        preset = presets.beside(preset, words[words.index("--beside") + 1]) if "--beside" in words else preset
        flags = presets.flags(preset, params.read())[1::2] + flags
    tree = params.read()
    for key, value in (re.sub(r"^\++", "", flag).split("=", 1) for flag in flags):
        *path, last = key.split(".")
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
        branch[last] = yaml.safe_load(value)
    return tree


def test_the_table_of_experiments_shows_what_changed_in_100_columns(clone):
    (line,) = [shlex.split(line, comments=True) for line in LINES if line.startswith("dvc exp show")]
    environment = clone.environment | {"COLUMNS": "100"}
    shown = subprocess.run([*line, "--no-pager"], cwd=clone.folder, env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    drops = re.compile(line[line.index("--drop") + 1]).match
    names = ["eer", "dev_eer", "systems.aasist.train.lr", "metrics/tier1/evaluate.json:uar"]
    assert not any(map(drops, names)) and all(
        map(drops, ["min_dcf", "data/checkpoints/aasist", "params.yaml", "metrics"])
    )
