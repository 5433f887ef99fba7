import pytest

from tests.reporting import standing_in


@pytest.fixture
def tree():
    """The parameters of the stand-in run, to be changed before it is written."""
    return standing_in.parameters()


@pytest.fixture
def run(tree, tmp_path, monkeypatch):
    """A folder with the stand-in run, outside git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    standing_in.write(tree)
    return tree
