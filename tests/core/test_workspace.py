"""The folders outside the pipeline: found from a repository and from an experiment's own folder, and where moved."""

from pathlib import Path

import pytest

from voxdag.core import workspace


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """Makes a folder below the temporary one and goes there; no variable moves anything."""
    for name in ("CORPORA", "WEIGHTS", "RESUME"):
        monkeypatch.delenv(f"VOXDAG_{name}", raising=False)

    def enter(below):
        (tmp_path / below).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path / below)
        return tmp_path

    return enter


@pytest.mark.parametrize(
    "below", [".dvc/tmp/exps/standalone/tmp1", ".dvc/tmp/exps/tmp1", ".dvc/tmp/exps/temp/tmp1/deeper"]
)
def test_an_experiment_in_a_folder_of_its_own_uses_the_repositorys_folders(inside, below):
    repository = inside(f"work/{below}") / "work"
    assert workspace.workspace() == repository
    assert workspace.corpora_folder() == repository / "data/corpora"
    assert workspace.weights_folder() == repository / "data/weights"
    assert workspace.resume_folder() == repository / "data/resume"


@pytest.mark.parametrize("below", ["work", ".dvc/tmp", "dvc/tmp/exps/tmp1", ".dvc/exps/tmp/tmp1"])
def test_elsewhere_it_is_the_folder_one_stands_in(inside, below):
    inside(below)
    assert workspace.workspace() == Path()
    assert workspace.corpora_folder() == Path("data/corpora")


def test_of_an_experiment_within_an_experiment_the_nearer_repository_counts(inside):
    outer = inside("a/.dvc/tmp/exps/x/b/.dvc/tmp/exps/y")
    assert workspace.workspace() == outer / "a/.dvc/tmp/exps/x/b"


@pytest.mark.parametrize("below", ["work", ".dvc/tmp/exps/tmp1"])
def test_variables_move_each_folder_alone(inside, monkeypatch, below):
    inside(below)
    at_home = workspace.resume_folder()
    monkeypatch.setenv("VOXDAG_CORPORA", "/elsewhere/corpora")
    monkeypatch.setenv("VOXDAG_WEIGHTS", "weights")
    assert workspace.corpora_folder() == Path("/elsewhere/corpora")
    assert workspace.weights_folder() == workspace.workspace() / "weights"
    assert workspace.resume_folder() == at_home


def test_a_relative_variable_names_the_same_folder_in_an_experiments_own(inside, monkeypatch):
    monkeypatch.setenv("VOXDAG_CORPORA", "../corpora")
    repository = inside("work") / "work"
    at_home = workspace.corpora_folder().resolve()
    inside("work/.dvc/tmp/exps/standalone/tmp1")
    assert workspace.corpora_folder().resolve() == at_home == repository.parent / "corpora"


def test_an_empty_variable_moves_nothing(inside, monkeypatch):
    inside("work")
    monkeypatch.setenv("VOXDAG_CORPORA", "")
    assert workspace.corpora_folder() == Path("data/corpora")
