"""What a run was made with: the commit that has its lock, and the code that it was made by."""

import hashlib
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.reporting.standing_in import GIT
from voxdag.core import code
from voxdag.reporting import card, origin, page

OUT = Path("report.html")
ITEM, MODULE = Path("data/code/evaluate/aasist.txt"), Path("voxdag/scored.py")


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def commit(message):
    subprocess.run([*GIT, "add", "-A"], check=True)
    subprocess.run([*GIT, "commit", "-qm", message], check=True)
    return subprocess.run([*GIT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def write_down_code():
    """As `stages.code` does."""
    ITEM.parent.mkdir(parents=True, exist_ok=True)
    ITEM.write_text(code.describe(["voxdag.scored"], {}, Path.cwd()))
    code._tree.cache_clear(), code._read.cache_clear(), code._digest.cache_clear()


@pytest.fixture
def ended(run):
    """A run that was committed with its lock, of code that data/code writes down; the commit."""
    MODULE.parent.mkdir()
    MODULE.with_name("__init__.py").touch()
    MODULE.write_text("RATE = 1\n")
    write_down_code()
    Path(".gitignore").write_text("/data/\n")
    deps = [{"path": ITEM.as_posix(), "hash": "md5", "md5": md5(ITEM)}]
    other = [{"path": "data/code/train/aasist.txt", "hash": "md5", "md5": "0" * 32}]  # lies here no more
    stages = {"evaluate@aasist": {"cmd": "x", "deps": deps}, "train@aasist": {"cmd": "x", "deps": other}}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    subprocess.run([*GIT, "init", "-q"], check=True)
    return commit("the run")


def said():
    return page.render(page.Asked(OUT)), card.card("aasist", out=OUT)


def test_the_commit_is_the_one_that_has_the_lock(ended):
    Path("notes.txt").touch()
    commit("later")
    for text in said():
        assert ended in text
    assert f"git checkout {ended}\n" in said()[1] and "No commit has" not in said()[1]
    assert "evaluate@aasist" not in origin.code_behind("aasist").behind


@pytest.mark.parametrize("written_down", [True, False], ids=["with data/code", "before stages.code runs"])
def test_stages_whose_code_is_another_than_the_checkouts_are_named(ended, written_down):
    MODULE.write_text("RATE = 2\n")
    commit("other code")
    code._tree.cache_clear(), code._read.cache_clear(), code._digest.cache_clear()
    if written_down:
        write_down_code()
    assert origin.code_behind("aasist") == origin.Code(("evaluate@aasist",))
    report, of_card = said()
    assert "results of 1 stage are of other code than the checkout" in report and "evaluate aasist" in report
    assert "other code than made these results (evaluate aasist)" in of_card and f"git checkout {ended}" in of_card


def test_a_comment_makes_no_other_code(ended):
    MODULE.write_text("# in Hz\nRATE = 1\n")
    commit("a comment")
    assert origin.code_behind("aasist") == origin.Code()
    assert "of other code than" not in said()[0]


def test_a_lock_that_no_commit_has_is_told(ended):
    Path("dvc.lock").write_text(Path("dvc.lock").read_text() + "\n")
    found = origin.commit(OUT)
    assert not found.of_run and found.changed == ("dvc.lock",)
    assert "No commit has the dvc.lock of this run" in said()[1] and "no commit has this dvc.lock" in said()[0]


def test_a_clone_without_data_does_not_know(ended):
    ITEM.unlink(), ITEM.parent.rmdir(), ITEM.parent.parent.rmdir()
    assert not origin.code_behind("aasist").known
    assert "is not known here" in said()[0]


def test_stages_of_one_name_stand_together():
    assert origin.Code(("train@a", "train@b", "results", "plot@a")).words == "train a, b; results; plot a"
