import multiprocessing
import time
from dataclasses import dataclass

import pytest

from voxdag.corpora.making import beside, made, once


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


@dataclass(frozen=True)
class Options:
    root: str = "a"
    seed: int = 1
    folds: int = 3


def test_what_was_made_lies_below_its_root_by_what_settles_it(tmp_path):
    module = "voxdag.corpora.making"

    def at(options, **more):
        return made(tmp_path, options, module, lambda target: target.mkdir(parents=True), **more)

    first = at(Options())
    assert first.parts[0] == "a" and (tmp_path / first).is_dir() and at(Options()) == first
    assert at(Options(root="b")).name == first.name
    others = [at(Options(seed=2)), at(Options(), files="x"), at(Options(), files="y"), at(Options(), aside=("folds",))]
    assert len({first, *others}) == 5
    assert at(Options(folds=4), aside=("folds",)) == others[-1]
    whole = at(Options(seed=3), inside="LA")
    assert (tmp_path / whole / "LA").is_dir() and [
        path.name for path in (tmp_path / whole).iterdir() if path.is_dir()
    ] == ["LA"]
