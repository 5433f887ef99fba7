"""What a stage loads is seen, however it is imported: on a toy tree whose declarations are wrong on purpose."""

import os
import subprocess
import sys

import pytest

from tests.stages import loaded

FILES = {
    "voxdag/__init__.py": '"""Words alone."""\n',
    "voxdag/plain.py": "import json\n",
    "voxdag/inside.py": "A = 1\n",
    "voxdag/hidden.py": "A = 1\n",
    "voxdag/idle.py": "A = 1\n",
    "stages/__init__.py": "",
    "stages/train.py": """
import builtins, sys
from voxdag import plain

if __name__ == "__main__":
    from voxdag import inside
    if sys.argv[1] == "tier1":
        getattr(builtins, "__imp" + "ort__")("voxdag.hidden")
    if sys.argv[1] == "broken":
        sys.exit("no such system: broken")
""",
    "stages/results.py": "import sys\nfrom voxdag import plain\nassert sys.argv[1:] == []\n",
    "dvc.yaml": """
stages:
  train: {foreach: systems, do: {deps: ["data/code/train/${key}.txt", data/features]}}
  results: {deps: [data/code/results/all.txt]}
  transfer: {foreach: transfers, do: {deps: ["data/code/transfer/${key}.txt", data/code/train]}}
""",
    "data/code/transfer/wild.txt": "stages/transfer.py 1\nvoxdag/idle.py 2\n",
    "data/code/train/aasist.txt": "stages/train.py 1\nvoxdag/inside.py 2\nvoxdag/plain.py 3\npackage json 1\n",
    "data/code/train/tier1.txt": "stages/train.py 1\nvoxdag/inside.py 2\nvoxdag/plain.py 3\n",
    "data/code/results/all.txt": "stages/results.py 1\n",
}


@pytest.fixture
def toy(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.fixture
def records(toy):
    """Of three stages that ran, the last of which failed."""
    folder = toy / "records"
    environment = os.environ | loaded.recorder(folder)
    for words in (["train", "aasist"], ["train", "tier1"], ["results"], ["train", "broken"]):
        command = [sys.executable, "-m", f"stages.{words[0]}", *words[1:]]
        ended = subprocess.run(command, cwd=toy, env=environment, capture_output=True, text=True)
        assert (ended.returncode != 0) == ("broken" in words), ended.stderr
    return folder


def test_a_stage_that_loads_what_it_declares_has_nothing_undeclared(toy, records):
    assert (
        loaded.loaded(toy, records, "train", "aasist")
        == loaded.loaded(toy, records, "train", "broken")
        == {
            *("stages/__init__.py", "stages/train.py"),
            *("voxdag/__init__.py", "voxdag/inside.py", "voxdag/plain.py"),
        }
    )
    assert loaded.undeclared(toy, records, "train", "aasist") == set()


def test_an_import_that_no_source_shows_is_undeclared(toy, records):
    assert loaded.undeclared(toy, records, "train", "tier1") == {"voxdag/hidden.py"}


def test_a_stage_that_goes_over_nothing_is_called_without_a_name(toy, records):
    assert loaded.undeclared(toy, records, "results", "all") == {"voxdag/plain.py"}


def test_a_stage_may_depend_on_the_code_of_all_items_of_another(toy):
    of_others = {"stages/train.py", "voxdag/inside.py", "voxdag/plain.py"}
    assert loaded.declared(toy, "transfer", "wild") == {"stages/transfer.py", "voxdag/idle.py"} | of_others


def test_a_stage_that_did_not_run_has_no_record(toy, records):
    with pytest.raises(FileNotFoundError, match="train-other"):
        loaded.undeclared(toy, records, "train", "other")
