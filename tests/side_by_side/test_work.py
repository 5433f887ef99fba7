"""Stages beside one another: at the same time, with DVC's locks held and given up where it does, and nothing lost."""

import json
import os
import subprocess
import sys
import time
from threading import Thread

import yaml
from dvc.repo import Repo

from tests.side_by_side import toy
from voxdag.side_by_side import work
from voxdag.side_by_side.report import FAILED, RAN, RESTORED, SKIPPED, UNCHANGED


def test_the_run_says_what_became_of_each_stage(done, tmp_path):
    folder = toy.copy(done, tmp_path / "toy")
    toy.change_params(folder, b=7)
    toy.side_by_side(folder, targets=["measure"])
    toy.change_params(folder, b=2, c=8)
    _, run = toy.side_by_side(folder, targets=["measure"])
    outcomes = {name: record.outcome for name, record in run.records.items()}
    assert outcomes == {
        **{"added.txt.dvc": UNCHANGED, "look": RAN, "first": UNCHANGED, "branch@a": UNCHANGED, "measure@a": UNCHANGED},
        **{"branch@b": RESTORED, "measure@b": RESTORED, "branch@c": RAN, "measure@c": RAN},
    }
    assert run.records["measure@c"].after == "branch@c"
    assert "9 stages: 4 did not change, 3 ran, 2 from the cache" in run.table


def test_where_a_stage_fails_those_that_run_come_to_their_end_and_no_more_are_begun(done, tmp_path):
    folder = toy.copy(done, tmp_path / "toy")
    # a and b begin, a fails, and b ends later
    late = "until test -e failed; do sleep .05; done; sleep .3"
    rewritten = (folder / "dvc.yaml").read_text()
    rewritten = rewritten.replace("test ! -e broken_${key}", "test ! -e broken_${key} || (touch failed && false)")
    rewritten = rewritten.replace(
        "- echo ${item.value} >> branch", f"- test ${{key}} != b || ({late})\n        - echo x >> branch"
    )
    (folder / "dvc.yaml").write_text(rewritten)
    (folder / "broken_a").touch()
    succeeded, run = toy.side_by_side(folder, jobs=2, targets=["measure"])
    assert not succeeded
    outcomes = {name: record.outcome for name, record in run.records.items()}
    assert outcomes["branch@a"] == FAILED and outcomes["branch@b"] == RAN
    not_begun = {name for name in outcomes if outcomes[name] == SKIPPED}
    assert not_begun == {"branch@c", "measure@a", "measure@b", "measure@c"}
    assert "failed to run: test ! -e broken_a" in run.records["branch@a"].error
    assert "exited with 1" in run.records["branch@a"].error


def test_stages_run_at_the_same_time(fresh, tmp_path):
    # each waits for a file that the other one makes
    folder = toy.copy(fresh, tmp_path / "toy")
    (folder / "dvc.yaml").write_text(TWO)
    succeeded, run = toy.side_by_side(folder, jobs=2, targets=["one", "other"])
    assert succeeded and [record.outcome for record in run.records.values()] == [RAN, RAN]


TWO = """
stages:
  one:
    cmd: touch one; timeout 120 sh -c 'until test -e other; do sleep .05; done'; echo $VOXDAG_JOBS > one.txt
    outs: [one.txt]
  other:
    cmd: touch other; timeout 120 sh -c 'until test -e one; do sleep .05; done'; echo $VOXDAG_JOBS > other.txt
    outs: [other.txt]
"""


def test_while_commands_run_the_repository_is_free_and_their_paths_are_locked_for_each(fresh, tmp_path):
    folder = toy.copy(fresh, tmp_path / "toy")
    look = f"{sys.executable} -c 'import fcntl; fcntl.flock(open(\".dvc/tmp/lock\"), fcntl.LOCK_EX | fcntl.LOCK_NB)'"
    # each looks while both run, and neither ends before both have looked: who ends rewrites the list of locks
    copy = "sleep 1; cp .dvc/tmp/rwlock NAME.seen && timeout 120 sh -c 'until test -s OTHER.seen; do sleep .05; done'"
    text = TWO
    for name, other in (("one", "other"), ("other", "one")):
        looks = copy.replace("NAME", name).replace("OTHER", other)
        text = text.replace(f"echo $VOXDAG_JOBS > {name}.txt", f"{look} && {looks} && cp {name}.seen {name}.txt")
    (folder / "dvc.yaml").write_text(text.replace("    outs:", "    deps: [source.txt]\n    outs:"))
    succeeded, _ = toy.side_by_side(folder, jobs=2, targets=["one", "other"])
    assert succeeded
    held = json.loads((folder / "one.txt").read_text())
    readers = held["read"][str(folder / "source.txt")]
    assert sorted(reader["cmd"].split()[-1] for reader in readers) == ["one", "other"]
    assert (folder / ".dvc/tmp/rwlock").read_text() == "{}"


def test_a_stage_whose_paths_another_process_writes_is_begun_when_it_has_ended(done, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "PAUSE", 0.05)
    folder = toy.copy(done, tmp_path / "toy")
    other = subprocess.Popen(["sleep", "1"])
    held = {"write": {str(folder / "branch/b.txt"): {"pid": other.pid, "cmd": "dvc repro branch@b"}}, "read": {}}
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps(held))
    toy.change_params(folder, b=7)
    before = time.monotonic()
    waiter = Thread(target=other.wait)
    waiter.start()
    succeeded, run = toy.side_by_side(folder, targets=["branch@b"])
    assert succeeded and run.records["branch@b"].outcome == RAN and time.monotonic() - before > 0.5
    monkeypatch.setattr(work, "TRIES", 3)
    held["write"][str(folder / "branch/b.txt")]["pid"] = os.getppid()
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps(held))
    toy.change_params(folder, b=8)
    succeeded, run = toy.side_by_side(folder, targets=["branch@b"])
    assert not succeeded and "is busy, it is being blocked by" in run.records["branch@b"].error


WIDE = """
stages:
  wide:
    foreach: [{numbers}]
    do:
      cmd: cp source.txt wide_${{item}}.txt
      deps: [source.txt]
      outs: ["wide_${{item}}.txt"]
"""


def test_nothing_is_lost_where_many_stages_end_at_once(fresh, tmp_path):
    # benchmarks/stage_runs.py does this a hundred times
    folder = toy.copy(fresh, tmp_path / "toy")
    names = [f"wide@{i}" for i in range(24)]
    (folder / "dvc.yaml").write_text(WIDE.format(numbers=", ".join(map(str, range(24)))))
    succeeded, run = toy.side_by_side(folder, jobs=12, targets=["wide"])
    assert succeeded and {record.outcome for record in run.records.values()} == {RAN}
    assert list(yaml.safe_load((folder / "dvc.lock").read_text())["stages"]) == names
    with toy.inside(folder):
        assert Repo().status(targets=["wide"]) == {}
