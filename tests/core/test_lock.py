"""dvc.lock as a graph, and what DVC and git say of the disk."""

import subprocess

import pytest

from voxdag.core import lock
from voxdag.core.errors import NotHere, Refused
from voxdag.core.lock import Stage

TEXT = """
schema: '2.0'
stages:
  train@a:
    cmd: python -m stages.train a
    deps:
    - {path: data/code/train/a.txt, hash: md5, md5: 1}
    - {path: data/features/t/train, hash: md5, md5: 2.dir}
    params:
      params.yaml:
        num_threads: 2
        systems.a.train: {lr: 0.1}
    outs:
    - {path: data/checkpoints/a, hash: md5, md5: 3.dir, size: 5, nfiles: 1}
  code:
    cmd: python -m stages.code
    outs:
    - {path: data/code, hash: md5, md5: 4.dir}
"""


def stage(outs, deps=()):
    return Stage(dict.fromkeys(outs, "1"), tuple(deps), {})


@pytest.mark.parametrize(
    "damaged",
    ["", "\n", "schema: '2.0'\n", "stages:\n<<<<<<< HEAD\n", "stages: [a]", "stages: {a: {outs: [{md5: 1}]}}"],
)
def test_a_damaged_lock_is_named(damaged):
    with pytest.raises(Refused, match="dvc.lock is damaged .*: `git checkout dvc.lock` restores .* voxdag.doctor then"):
        lock.stages(damaged)


def test_a_lock_is_read():
    read = lock.stages(TEXT)
    assert read["train@a"] == Stage(
        outs={"data/checkpoints/a": "3.dir"},
        deps=("data/code/train/a.txt", "data/features/t/train"),
        settings={"num_threads": 2, "systems.a.train": {"lr": 0.1}},
        read={"data/code/train/a.txt": 1, "data/features/t/train": "2.dir"},
    )
    assert read["code"] == Stage(outs={"data/code": "4.dir"}, deps=(), settings={})


GRAPH = {
    "compare": stage(["compare/t"], ["data/results/t.txt"]),
    "results": stage(["data/results"], ["metrics", "data/code/results/all.txt"]),
    "evaluate": stage(["metrics/a/evaluate.json"], ["data/checkpoints/a", "data/code/evaluate/a.txt"]),
    "train": stage(["data/checkpoints/a"], ["data/code/train/a.txt"]),
    "code": stage(["data/code"]),
    "apart": stage(["data/code2"], ["metrics2"]),
}


def test_stages_come_in_the_order_in_which_they_run_with_all_above_them():
    # a dependency may lie in an output (data/code/train/a.txt in data/code) and an output in a dependency (metrics)
    above = lock.in_order(GRAPH)
    order = list(above)
    assert [name for name in order if name != "apart"] == ["code", "train", "evaluate", "results", "compare"]
    assert above["compare"] == {"results", "evaluate", "train", "code"}
    assert above["train"] == {"code"} and above["apart"] == above["code"] == set()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("data/code", "data/code", True),
        ("data/code/a.txt", "data/code", True),
        ("data", "data/code", True),
        ("data/code2", "data/code", False),
        ("metrics/a", "metrics/b", False),
    ],
)
def test_paths_overlap_where_one_lies_in_the_other(one, other, same):
    assert lock.overlap(one, other) is lock.overlap(other, one) is same


# As `dvc status --json` of DVC 3.67.1 printed it
STATUS = {
    "code": ["always changed"],
    "prepare": [{"changed outs": {"out.txt": "deleted"}}],
    "train": [{"changed deps": {"out.txt": "deleted"}}, {"changed outs": {"ck": "modified", "m.json": "not in cache"}}],
    "plot": ["changed command"],
}


def test_departures_are_sorted_by_what_they_are():
    found = lock.departures(STATUS, ["plots/a.png"])
    assert found.gone == {"out.txt", "m.json"} and found.changed == {"ck"}
    assert found.behind == {"train": ("out.txt",), "plot": ("changed command",)}
    assert found.uncommitted == {"plots/a.png"}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of one commit, with dvc.lock and metrics/a.json in it and data ignored."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    for path, text in {"dvc.lock": TEXT, "metrics/a.json": "{}", ".gitignore": "data\n"}.items():
        (tmp_path / path).write_text(text)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True)
    return tmp_path


def test_files_are_read_as_committed(repository):
    (repository / "dvc.lock").write_text("other")
    assert lock.committed("dvc.lock") == TEXT
    assert lock.committed("metrics/b.json") is None
    assert len(lock.commit()) >= 7


def test_without_a_commit_there_is_nothing_to_compare_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotHere, match="there is no commit to compare with"):
        lock.commit()


def test_changed_and_unknown_files_are_not_as_committed_ignored_ones_are_not_asked(repository):
    assert lock.uncommitted() == []
    (repository / "metrics/a.json").write_text("{1}")
    (repository / "metrics/ä b.json").write_text("")
    (repository / "data").mkdir()
    (repository / "data/weights").write_text("")
    assert sorted(lock.uncommitted()) == ["metrics/a.json", "metrics/ä b.json"]


def test_what_lies_here_and_the_cache_does_not_have_as_the_lock_says_is_unsaved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outs = {"data/kept": "ab12.dir", "data/lost": "cd34.dir", "data/gone": "ef56", "metrics/a.json": "0178"}
    graph = {"train@a": Stage(outs, (), {}), "plot@a": Stage({"data/kept": "ab12.dir"}, (), {})}
    for path in ("data/kept", "data/lost"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/a.json").touch()  # git's, not the cache's
    held = tmp_path / "cache/files/md5/ab/12.dir"
    held.parent.mkdir(parents=True)
    held.touch()
    assert lock.unsaved(graph, tmp_path / "cache") == {"train@a": ["data/lost"]}


def test_the_hash_of_a_folder_is_what_dvc_writes(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("two\n")
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "sub/\u00e9.txt").write_text("")
    # written by `dvc add` of DVC 3.67.1: of such a folder, and of one with files that sort beside its folders
    assert lock.folder_hash(tmp_path) == "8af10124c58cafbcbb2b708beda32943.dir"
    other = tmp_path / "other"
    (other / "dev").mkdir(parents=True)
    for name, text in (("dev.csv", "a\n"), ("dev/x", "b\n"), ("dev-1", "c\n")):
        (other / name).write_text(text)
    assert lock.folder_hash(other) == "59ffb5c516e89dbf7da1d355d26c6328.dir"
