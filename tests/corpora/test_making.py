import pytest

from voxdag.corpora.making import beside


def test_what_killed_runs_left_is_gone_and_what_is_others_stays(tmp_path):
    for name in (".LA-left/recordings", ".other-left", "LA-mine"):
        (tmp_path / name).mkdir(parents=True)
    with beside(tmp_path / "LA") as work:
        assert work.parent == tmp_path and work.name.startswith(".LA-")
        assert not (tmp_path / ".LA-left").exists()
        (work / "LA").mkdir()
        (work / "LA").replace(tmp_path / "LA")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-left", "LA", "LA-mine"]


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), beside(tmp_path / "LA") as work:
        (work / "half").mkdir()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
