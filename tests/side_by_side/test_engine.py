"""Side by side, a pipeline ends where `dvc repro` takes it: the same stages, files, and bytes in the lock files."""

import pytest

from tests.side_by_side import toy


def both(start, tmp_path, change=lambda folder: None, **options):
    """Run a pipeline in both ways after the same change; (stages that ran serially, side by side, the second run)."""
    one, other = toy.copy(start, tmp_path / "serial"), toy.copy(start, tmp_path / "side")
    change(one)
    change(other)
    succeeded = toy.serially(one, **options)
    succeeded_too, run = toy.side_by_side(other, **options)
    assert succeeded == succeeded_too
    assert toy.contents(other) == toy.contents(one)
    return toy.journal(one), toy.journal(other), run


def rewrite(name):
    return lambda folder: (folder / name).write_text("other\n")


def remove(*names):
    return lambda folder: [(folder / name).unlink() for name in names]


def params(**values):
    return lambda folder: toy.change_params(folder, **values)


def broken(*items, **values):
    def change(folder):
        toy.change_params(folder, **values)
        for item in items:
            (folder / f"broken_{item}").touch()

    return change


def test_a_first_run_is_that_of_dvc(fresh, tmp_path):
    ran, ran_too, _ = both(fresh, tmp_path, all_pipelines=True)
    assert set(ran) == toy.STAGES and sorted(ran_too) == sorted(ran)


ALL, NEAR = toy.STAGES, {"look", "first", "branch@a", "branch@b", "branch@c"}
A, B = {"branch@a", "measure@a"}, {"branch@b", "measure@b"}
SAME = [
    # what has changed, options, the stages that run
    ("nothing", lambda folder: None, {}, {"look"}),
    ("a parameter", params(b=7), {}, {"look", "join", "tail", *B}),
    ("data of dvc add", rewrite("added.txt"), {}, ALL),
    ("what no stage reads", rewrite("notes.txt"), {}, {"look"}),
    ("outputs are gone", remove("branch/c.txt", "measure/b.json", "sub/tail.txt"), {}, {"look"}),
    ("an output was edited", lambda folder: edit(folder / "branch/a.txt"), {}, {"look"}),
    ("no lock file", remove("dvc.lock", "sub/dvc.lock"), {}, {"look", "grow", "join", "tail"}),
    ("no lock file, without the run cache", remove("dvc.lock"), {"targets": ["branch"], "run_cache": False}, NEAR),
    ("forced", lambda folder: None, {"targets": ["branch"], "force": True}, NEAR),
    ("a group", params(a=7), {"targets": ["branch"]}, {"look", "branch@a"}),
    ("a glob", params(a=7, b=7), {"targets": ["*@b"], "glob": True}, {"look", *B}),
    ("stages of two files", params(a=7), {"targets": ["sub/dvc.yaml:tail", "first"]}, {"look", "join", "tail", *A}),
    ("single items", params(a=7, b=7), {"targets": ["measure@a", "branch@a"], "single_item": True}, {"branch@a"}),
    ("forced single item", lambda folder: None, {"targets": ["join"], "single_item": True, "force": True}, {"join"}),
    ("downstream", params(b=7), {"targets": ["branch@b"], "downstream": True}, {"join", "tail", *B}),
    ("all below what ran", lambda folder: None, {"force_downstream": True}, ALL - {"first", "grow"}),
    ("not into the cache", params(c=7), {"no_commit": True}, {"look", "branch@c", "measure@c", "join", "tail"}),
    ("a failure, going on", broken("b", seed=1, b=7), {"on_error": "keep-going"}, {"look"}),
    ("a failure, ignored", broken("b", b=7), {"on_error": "ignore"}, {"look", "join", "tail"}),
    ("missing data", remove("added.txt"), {"allow_missing": True}, {"look"}),
    ("no such target", lambda folder: None, {"targets": ["nobody"]}, set()),
]


def edit(path):
    path.chmod(0o644)
    path.write_text("edited\n")


@pytest.mark.parametrize(("change", "options", "expected"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_a_change_has_the_consequences_that_dvc_gives_it(done, tmp_path, change, options, expected):
    options = options if "targets" in options else {**options, "all_pipelines": True}
    ran, ran_too, _ = both(done, tmp_path, change, **options)
    assert sorted(ran_too) == sorted(ran)
    assert set(ran_too) == expected
