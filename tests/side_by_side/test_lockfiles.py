"""The order of dvc.lock, whatever the order in which stages end."""

from dvc.repo import Repo

from tests.side_by_side import toy
from voxdag.side_by_side import lockfiles


def stages(folder):
    with toy.inside(folder):
        return list(Repo().index.stages)


def shuffled(path, order):
    tree = lockfiles.parse_yaml_for_update(path.read_text(), path)
    for name in order:
        tree["stages"][name] = tree["stages"].pop(name)
    path.write_text(lockfiles.dumps_yaml(tree))


def test_new_stages_come_in_the_order_of_the_serial_run_behind_those_that_were_there(done, tmp_path):
    folder = toy.copy(done, tmp_path / "toy")
    all_stages, path = stages(folder), folder / "dvc.lock"
    names = list(lockfiles.known(all_stages)[path])
    serial = [stage for name in names for stage in all_stages if getattr(stage, "name", "") == name]
    text = path.read_text()
    shuffled(path, reversed(names))
    lockfiles.restore_order(serial, {path: []})
    assert path.read_text() == text
    shuffled(path, reversed(names))
    lockfiles.restore_order(serial, {path: [names[3], names[1]]})
    first = lockfiles.known(all_stages)[path]
    assert first == [names[3], names[1], names[0], names[2], *names[4:]]


def test_what_is_in_order_is_not_written(done, tmp_path):
    folder = toy.copy(done, tmp_path / "toy")
    before = lockfiles.known(stages(folder))
    assert sorted(path.relative_to(folder).as_posix() for path in before) == ["dvc.lock", "sub/dvc.lock"]
    for path in before:
        path.chmod(0o444)
        path.parent.chmod(0o555)
    lockfiles.restore_order(stages(folder), before)
    for path in before:
        path.parent.chmod(0o755)


def test_without_a_lock_there_is_nothing_to_order(fresh):
    known = lockfiles.known(stages(fresh))
    assert list(known.values()) == [[], []]
    lockfiles.restore_order(stages(fresh), known)
    assert not (fresh / "dvc.lock").exists()


def test_a_lock_without_stages_is_as_good_as_none(fresh, tmp_path):
    folder = toy.copy(fresh, tmp_path / "toy")
    (folder / "dvc.lock").write_text("schema: '2.0'\n")
    assert lockfiles.known(stages(folder))[folder / "dvc.lock"] == []
