"""Two revisions of one system: what is read of them, and what is refused."""

import shutil
import subprocess
import sys

import pytest

from tests.clone import ROOT
from tests.tasks.test_summary import TABLES, predictions
from voxdag import compare
from voxdag.compare import Revision
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused


def revision(name, apart, **changes):
    tree = params.read()
    tree["tasks"]["antispoof"]["scoring"]["replicates"] = 50
    tree["systems"]["aasist"] |= changes
    return Revision(name, tree, {"aasist": predictions(apart)}, {"antispoof": TABLES})


def test_the_columns_are_called_as_the_revisions_are():
    head, columns, *rows = compare.table(revision("HEAD", 0.5), revision("lr3", 4.0), "aasist").splitlines()
    assert head == "aasist: lr3 - HEAD, 95% intervals over the speakers of eval"
    assert columns.split() == ["metric", "HEAD", "lr3", "difference", "interval", "p", "margin", "better"]
    assert next(row for row in rows if row.startswith("eer")).split()[-2:] == ["0.0050", "lr3"]


def test_the_margins_are_those_of_the_second_revision():
    before, after = revision("HEAD", 0.5), revision("lr3", 4.0)
    before.tree["tasks"]["antispoof"]["scoring"]["margins"] = {"nosuch": 1.0}
    after.tree["tasks"]["antispoof"]["scoring"]["margins"] = {"auc": 1.0}
    rows = compare.table(before, after, "aasist").splitlines()
    assert next(row for row in rows if row.startswith("auc")).split()[-2:] == ["1.0000", "equivalent"]
    with pytest.raises(Refused, match="tasks.antispoof.scoring.margins has the unknown metric nosuch; metrics: eer, "):
        compare.table(after, before, "aasist")


def test_equal_predictions_are_one_line():
    same = compare.table(revision("HEAD", 1.0), revision("lr3", 1.0), "aasist")
    assert same == "aasist: the same predictions in both\n"


def test_a_system_of_another_task_is_refused():
    with pytest.raises(ValueError, match="aasist is of antispoof in a and of emotion in b, expected one task"):
        compare.table(revision("a", 1.0), revision("b", 2.0, task="emotion"), "aasist")


def test_a_revision_with_itself_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare", "HEAD", "HEAD"])
    with pytest.raises(ValueError, match="both revisions are HEAD, expected two"):
        compare.main()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for command in ([*git, "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"], [*git, "add", "-A"]):
        subprocess.run(command, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    (tmp_path / "copy").mkdir()
    return tmp_path


@pytest.mark.parametrize(("name", "message"), [("nosuch", "nosuch: "), ("HEAD", "HEAD: .*predictions/aasist")])
def test_what_is_not_there_is_named_with_its_revision(repository, tmp_path, name, message):
    with pytest.raises(NotHere, match=rf"{message}.*not in DVC's cache"):
        compare.read(name, "aasist", tmp_path / "copy")


def test_a_folder_of_which_the_cache_has_nothing_is_named_with_its_revision(repository, tmp_path):
    folder = repository / "data/predictions/aasist"
    folder.mkdir(parents=True)
    (folder / "dev.csv").write_text("id\n")
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", str(folder)], check=True)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "a run"], check=True)
    shutil.rmtree(repository / ".dvc/cache")
    with pytest.raises(NotHere, match=r"HEAD: .*predictions.*not in DVC's cache"):
        compare.read("HEAD", "aasist", tmp_path / "copy")
