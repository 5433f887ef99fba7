import multiprocessing
import time

import pytest

from voxdag.corpora.making import beside, once


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


def make_slowly(target):
    """Another process's part: it takes the lock, says so, and makes the folder after a while."""

    def make():
        target.with_name("begun").touch()
        time.sleep(1)
        target.mkdir()

    once(target, make)


def test_a_second_process_waits_for_the_first_and_makes_nothing(tmp_path):
    target = tmp_path / "deep/LA"
    other = multiprocessing.get_context("spawn").Process(target=make_slowly, args=(target,))
    other.start()
    deadline = time.monotonic() + 60
    while not target.with_name("begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    once(target, lambda: pytest.fail("made twice"))
    assert target.is_dir()
    other.join()


def test_what_is_there_is_not_made_and_what_failed_is_made_again(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(tmp_path / "LA", fail)
    once(tmp_path / "LA", (tmp_path / "LA").mkdir)
    once(tmp_path / "LA", fail)
