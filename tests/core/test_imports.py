"""Imports go one way, between rooms and within: what docs/DESIGN.md says, read from the imports of every module."""

import ast
import graphlib
import re
import string

import pytest

from stages.code import picked
from voxdag.core import code
from voxdag.core.errors import Refused

# From the top down: a room imports what stands on its own line or below. Rooms are the packages of voxdag, models and
# stages beside it, and its loose modules, the command lines.
LEVELS = (
    ("stages", "commands"),
    ("release",),
    ("reporting", "serving"),
    ("tasks",),
    ("synthesis",),
    ("training", "corpora", "scoring", "figures", "networks"),
    ("data", "simulation", "audio", "side_by_side"),
    ("core", "models"),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
FILES = sorted(file for name in code.OURS for file in (code.ROOT / name).rglob("*.py"))
PACKAGES = sorted({file.parent for file in FILES})
COMMANDS = sorted(file for file in (code.ROOT / "voxdag").glob("*.py") if file.stem != "__init__")
CONSOLE = code.ROOT / "voxdag/__main__.py"  # runs a command line that it is given the name of; nothing imports it
TASKS = sorted(file.parent.name for file in code.ROOT.glob("voxdag/tasks/*/report.py"))


def dotted(file):
    """The name that a file is imported by."""
    return ".".join(file.relative_to(code.ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(name):
    """The room of a module of ours, by its dotted name; nothing for the package voxdag itself."""
    first, *rest = name.split(".")
    if first != "voxdag":
        return first
    if not rest:
        return None
    return rest[0] if (code.ROOT / "voxdag" / rest[0]).is_dir() else "commands"


def imports(file):
    """The dotted names of ours that a file imports, templates of names included."""
    where = file.relative_to(code.ROOT)
    source = code.Source(ast.parse(file.read_text()), ".".join(where.parent.parts), where.as_posix())
    return source.imports | source.templates


@pytest.fixture(scope="module")
def arrows():
    """(file, imported name) of all imports of ours, from one room to another."""
    pairs = ((file, name) for file in FILES for name in imports(file))
    return [(file, name) for file, name in pairs if room(name) not in (None, room(dotted(file)))]


def test_every_room_is_in_the_plan():
    assert {room(dotted(file)) for file in FILES} - {None} == set(LEVEL)


@pytest.mark.parametrize("start", LEVEL)
def test_no_import_goes_up(arrows, start):
    up = [
        f"{file.relative_to(code.ROOT)} imports {name}"
        for file, name in arrows
        if room(dotted(file)) == start and LEVEL[room(name)] < LEVEL[start]
    ]
    assert up == []


def test_there_is_no_circle_between_rooms(arrows):
    graph = {}
    for file, name in arrows:
        graph.setdefault(room(dotted(file)), set()).add(room(name))
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("start", ["core", "models"])
def test_what_stands_lowest_imports_nothing_of_ours(arrows, start):
    assert [(file.name, name) for file, name in arrows if room(dotted(file)) == start] == []


def test_nothing_imports_a_stage_or_a_command_line(arrows):
    assert [(file.name, name) for file, name in arrows if room(name) in ("stages", "commands")] == []
    commands = {dotted(file) for file in COMMANDS}
    assert [(file.name, name) for file in FILES for name in imports(file) & commands] == []


@pytest.mark.parametrize("task", TASKS)
def test_a_task_imports_no_other(task):
    others = tuple(f"voxdag.tasks.{other}" for other in TASKS if other != task)
    files = (code.ROOT / "voxdag/tasks" / task).rglob("*.py")
    assert [(file.name, name) for file in files for name in imports(file) if name.startswith(others)] == []


@pytest.mark.parametrize("file", COMMANDS, ids=lambda file: file.stem)
def test_the_loose_modules_are_command_lines_that_say_how_they_are_called(file):
    text = file.read_text()
    assert f"python -m voxdag.{file.stem}" in (ast.get_docstring(ast.parse(text)) or "")
    assert '\nif __name__ == "__main__":\n' in text


@pytest.mark.parametrize("file", [f for f in sorted((code.ROOT / "stages").glob("*.py")) if f.stem != "__init__"])
def test_each_stage_is_a_program(file):
    text = file.read_text()
    assert f"python -m stages.{file.stem}" in (ast.get_docstring(ast.parse(text)) or "")
    assert re.search(r'\nif __name__ == "__main__":\n    command\.(main|guarded)\(main', text)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda folder: dotted(folder))
def test_every_packages_first_line_says_what_it_is(package):
    first = (ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "").partition("\n")[0]
    assert len(first.split()) >= 4 and first[-1] in ".:", f"{package / '__init__.py'} begins {first!r}"


@pytest.mark.parametrize("file", [file for file in FILES if file != CONSOLE], ids=dotted)
def test_what_is_picked_by_name_is_something_that_items_of_params_yaml_pick(file):
    # a place that stages/code.py does not fill would leave its modules out of every closure: where trackers belong, and
    # clusters, which the environment picks, and which change no result
    places = {place for template in imports(file) for _, place, _, _ in string.Formatter().parse(template) if place}
    by_environment = {"voxdag.training.tracking": {"tracker"}, "voxdag.core.parallel": {"scheduler"}}
    assert places - by_environment.get(dotted(file), set()) <= picked("name", {}).keys()


def test_an_arrow_up_would_be_seen():
    # the tests above are only as good as what they read: an import within a function, and one by name
    tree = ast.parse('def f():\n    from voxdag.tasks import results\nload_module("voxdag.corpora.readers.{corpus}")')
    source = code.Source(tree, "voxdag.core", "voxdag/core/x.py")
    assert {room(name) for name in source.imports | source.templates} == {"tasks", "corpora"}
    with pytest.raises(Refused, match="voxdag/core/x.py:1: import_module imports by name"):
        code.Source(ast.parse("import_module(name)"), "voxdag.core", "voxdag/core/x.py")
