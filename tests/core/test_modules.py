"""Modules picked by name: what is there is found, what is not is refused with what there is."""

import pytest

from voxdag.core.errors import Refused
from voxdag.core.modules import available, load_module, load_optional


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """A package with two tasks, of which one has a baseline, and a loose module."""
    files = {
        "rooms/__init__.py": "",
        "rooms/notes.py": "",
        "rooms/emotion/__init__.py": "",
        "rooms/emotion/baseline.py": "NAME = 'svm'\n",
        "rooms/enhance/__init__.py": "",
        "rooms/enhance/broken.py": "import a_package_that_is_not_installed\n",
    }
    for path, source in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_module_is_loaded_by_its_template(rooms):
    assert load_module("rooms.{task}.baseline", task="emotion").NAME == "svm"
    assert load_module("rooms.{module}", module="notes").__name__ == "rooms.notes"


def test_what_is_lacking_is_refused_or_none(rooms):
    assert load_optional("rooms.{task}.baseline", task="enhance") is None
    with pytest.raises(Refused, match=r"task enhance has no baseline: there is no rooms\.enhance\.baseline"):
        load_module("rooms.{task}.baseline", task="enhance")


@pytest.mark.parametrize("load", [load_module, load_optional])
def test_an_unknown_name_is_refused_with_those_there_are(rooms, load):
    # a loose module is no task: notes has no parts
    for name in ("affect", "notes", "emotion.baseline", "", "../emotion"):
        with pytest.raises(Refused, match=f"unknown task '{name}', expected one of emotion, enhance"):
            load("rooms.{task}.baseline", task=name)
    with pytest.raises(Refused, match="unknown network 'lcnn', expected one of emotion, enhance, notes"):
        load("rooms.{network}", network="lcnn")


@pytest.mark.parametrize("load", [load_module, load_optional])
def test_a_module_that_cannot_be_imported_is_a_bug_not_an_absence(rooms, load):
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_installed"):
        load("rooms.{task}.broken", task="enhance")


def test_what_there_is_is_sorted(rooms):
    assert available("rooms") == ["emotion", "enhance", "notes"]
    assert available("rooms", only_packages=True) == ["emotion", "enhance"]
