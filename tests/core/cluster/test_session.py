"""What must be the same on all machines, and what is said where it is not."""

import sys
import tempfile
from dataclasses import replace
from functools import partial
from types import ModuleType

import pytest

from tests.core.cluster.work import square, wait
from voxdag.core import code
from voxdag.core.cluster import session
from voxdag.core.errors import Refused


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpora").mkdir()
    return tmp_path


def test_where_all_is_the_same_nothing_differs(place):
    with session.opened(partial(wait, folder=place / "corpora"), 1) as ours:
        assert session.difference(ours) == ""
        assert (ours.folder, ours.root, ours.threads) == (str(place), str(code.ROOT), 1)


def test_every_folder_that_the_function_was_given_is_known_by_a_file_that_goes_with_the_session(place):
    with session.opened(partial(partial(wait, folder=place / "corpora"), 1, place / "absent"), 1) as ours:
        assert set(ours.folders) == {".", str(place / "corpora")}
        for folder, (name,) in ours.folders.items():
            assert (place / folder / name).is_file()
    assert [path.name for path in place.rglob("*")] == ["corpora"]


def test_another_folder_of_the_same_name_is_another(place):
    with session.opened(partial(wait, folder=place / "corpora"), 1) as ours:
        pass  # so its files are gone, as on a machine with a disk of its own
    assert session.difference(replace(ours, folders={".": ()})) == ""
    said = session.difference(ours)
    assert said.startswith(f"{place} lacks .voxdag-") and said.endswith("on a shared file system")


def test_a_folder_that_nothing_may_be_written_to_is_known_by_what_lies_in_it(place, monkeypatch):
    for name in ("b", "a"):
        (place / "corpora" / name).touch()

    def refuse(**_):
        raise PermissionError("read-only")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with session.opened(partial(wait, folder=place / "corpora"), 1) as ours:
        assert ours.folders[str(place / "corpora")] == ("a", "b")
        assert session.difference(ours) == ""
        (place / "corpora/b").unlink()
        assert session.difference(ours).startswith(f"{place / 'corpora'} lacks b: expected the driver's folder")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "voxdag/core/code.py",
            "0" * 12,
            r"^voxdag/core/code.py is [0-9a-f]{12}, at the driver 0{12}: expected ",
        ),
        ("voxdag/core/new.py", "1" * 12, "^voxdag/core/new.py is absent, at the driver 1{12}: "),
        ("package numpy", "1.0", r"^package numpy is \d[.\d]+, at the driver 1.0: "),
        ("Python", "3.9.1", r"^Python is 3\.[.\d]+, at the driver 3.9.1: "),
    ],
)
def test_other_code_and_other_packages_are_named(place, name, value, said):
    with session.opened(square, 1) as ours, pytest.raises(Refused, match=said):
        raise Refused(session.difference(replace(ours, surroundings={**ours.surroundings, name: value})))


def test_every_file_of_ours_and_every_package_is_among_what_must_be_the_same():
    found = session.surroundings()
    files = {path.relative_to(code.ROOT).as_posix() for name in code.OURS for path in (code.ROOT / name).rglob("*.py")}
    assert files < found.keys() and {"Python", "package torch", "package numpy"} < found.keys()
    assert "+" not in found["package torch"]  # for which accelerator it was built does not count


def test_our_variables_travel_but_for_the_cluster_itself(place, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", "elsewhere")
    monkeypatch.setenv("VOXDAG_SCHEDULER", "tcp://there:1")  # nothing within a worker goes to the cluster again
    with session.opened(square, 1) as ours:
        assert ours.environment["VOXDAG_WEIGHTS"] == "elsewhere" and "VOXDAG_SCHEDULER" not in ours.environment


def test_a_function_of_a_script_is_refused_since_no_other_machine_can_import_it(monkeypatch):
    def own(number):
        return number

    own.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setattr(sys, "argv", ["script.py"])
    with pytest.raises(Refused, match="script.py is a script.*run it by -m"), session.opened(partial(own), 1):
        pass
