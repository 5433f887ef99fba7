"""Every task offers what the contract says: names, signatures, settings that cannot be changed."""

import dataclasses
import inspect
import uuid

import pytest

from tests.toys.installed import NAMES, TOYS, importable
from voxdag.core.modules import load_module, load_optional
from voxdag.tasks import contract

TASKS = ("affect", "antispoof", "emotion", "enhance")
PARTS = contract.MODULES | contract.OPTIONAL


@pytest.fixture(autouse=True)
def toys():
    with importable(*(TOYS / name for name in NAMES)):
        yield


def module(task, part):
    load = load_module if part in contract.MODULES else load_optional
    return load(f"voxdag.tasks.{{task}}.{part}", task=task)


def problems(found, protocol):
    """How a module differs from a protocol: a line for each name."""
    for name in attributes(protocol):
        if not hasattr(found, name):
            yield f"lacks {name}"
        elif dataclasses.is_dataclass(value := getattr(found, name)) and not value.__dataclass_params__.frozen:
            yield f"{name} is not frozen"
        elif name == "Settings" and not dataclasses.is_dataclass(value):
            yield "Settings is no dataclass"
    for name, function in methods(protocol).items():
        expected = list(inspect.signature(function).parameters)[1:]  # without self
        if not callable(getattr(found, name, None)):
            yield f"lacks {name}({', '.join(expected)})"
        elif (there := needed(getattr(found, name), expected)) != expected:
            yield f"{name}({', '.join(there)}), expected {name}({', '.join(expected)})"


def needed(function, expected):
    """The names of a function's parameters; what has a default may be there beside those that are expected."""
    there = inspect.signature(function).parameters.values()
    return [one.name for one in there if one.name in expected or one.default is inspect.Parameter.empty]


def attributes(protocol):
    return dict.fromkeys(name for base in protocol.__mro__ for name in inspect.get_annotations(base) if name[0] != "_")


def methods(protocol):
    members = inspect.getmembers(protocol, inspect.isfunction)
    return {name: function for name, function in members if name[0] != "_"}


def protocol_of(found, task, part):
    """That of the part; of inference and figures, that of waves where the task gives or shows any."""
    if part == "inference":
        return contract.RowInference if module(task, "measures") is None else contract.WaveInference
    if part == "page":
        return contract.WavePage if hasattr(found, "measured") else contract.RowPage
    if part == "synthesize":
        return contract.MelSynthesize if hasattr(found, "conditions") else contract.Synthesize
    return contract.WaveFigures if part == "figures" and hasattr(found, "examples") else PARTS[part]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("task", [*TASKS, *NAMES])
def test_a_task_keeps_the_contract(task, part):
    found = module(task, part)
    if found is not None:
        assert list(problems(found, protocol_of(found, task, part))) == []


def test_every_optional_part_is_offered_by_one_task_at_least():
    offered = {part for task in (*TASKS, *NAMES) for part in contract.OPTIONAL if module(task, part) is not None}
    assert offered == set(contract.OPTIONAL)
    of_waves = [("inference", "enhanced"), ("figures", "examples"), ("measures", "predict")]
    for part, mark in of_waves:
        assert {task for task in NAMES if hasattr(module(task, part), mark)} == {"denoise"}


BROKEN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Settings:
    batch_size: int

OUTPUT_SIZE, BUFFERS, KEEPS_LENGTHS = 1, {}, True

def tracks(network, shards, settings): ...
def clean(network, shards, settings, device): ...
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("KEEPS_LENGTHS", "KEEP_LENGTH", ["lacks KEEPS_LENGTHS"]),
        ("(frozen=True)", "", ["Settings is not frozen"]),
        ("@dataclass(frozen=True)", "", ["Settings is no dataclass"]),
        ("def tracks", "def track", ["lacks tracks(network, shards, settings)"]),
        (
            "settings, device",
            "device, settings",
            ["clean(network, shards, device, settings), expected clean(network, shards, settings, device)"],
        ),
        ("settings, device", "settings, device, size=1", []),
        (
            "settings, device",
            "settings, device, size",
            ["clean(network, shards, settings, device, size), expected clean(network, shards, settings, device)"],
        ),
    ],
)
def test_a_module_that_differs_is_told_by_what_it_lacks(tmp_path, old, new, expected):
    name = f"broken_{uuid.uuid4().hex}"  # a module is imported once
    folder = tmp_path / "voxdag/tasks" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "clean.py").write_text(BROKEN.replace(old, new) if old else BROKEN)
    with importable(tmp_path):
        assert list(problems(module(name, "clean"), contract.Clean)) == expected
