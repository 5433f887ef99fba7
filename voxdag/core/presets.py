"""Presets: what a published recipe changes in params.yaml, as small trees of differences, and as the flags of DVC.

A preset may bring a system of its own: `like` names the one that it is like, and the rest is what differs.

    systems:
      aasist_l:
        like: aasist
        model: {config: aasist_l}

DVC reads params.yaml itself and knows no `like`, so the flags write the whole block of such a system.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from voxdag.core import params
from voxdag.core.errors import Refused

FOLDER = Path("presets")
APART = "'\"\\{}$*?,"  # what a shell takes apart, or DVC: a comma makes a grid
LIKE = "like"
OPTIONAL = re.compile(r"systems\.[^.]+\.objective\.augmentation(\..+)?")  # params.yaml need not have it

Tree = Mapping[str, Any]


def names() -> list[str]:
    """The presets there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(name: str) -> dict:
    """A preset's tree. Raises Refused with the presets there are."""
    if name not in names():
        raise Refused(f"no preset {name!r}; the presets are {', '.join(names()) or f'none in {FOLDER}'}")
    file = FOLDER / f"{name}.yaml"
    preset = params.read_yaml(file)
    if not isinstance(preset, dict):
        raise Refused(f"{file} holds {type(preset).__name__}, expected a mapping of what params.yaml changes")
    return preset


def beside(preset: Tree, name: str) -> dict:
    """The preset with its system under another name, beside the one that it would change.

    Raises Refused unless the preset changes exactly one system.
    """
    systems = preset.get("systems") or {}
    if not params.ENTRY.fullmatch(name):
        raise Refused(f"{name!r} names no system: expected letters, digits, _ and -")
    if len(systems) != 1:
        raise Refused(f"the preset changes {len(systems)} systems, expected one that can stand beside: {name}")
    ((system, changes),) = systems.items()
    return {**preset, "systems": {name: {LIKE: system, **changes}}}


def flags(preset: Tree, base: Tree) -> list[str]:
    """-S flags, one per changed value, in an order and form that neither a shell nor DVC takes apart.

    An empty mapping of `base` (params.yaml) takes any key, and so do the stages between features and training; a system
    takes what is OPTIONAL. DVC is told to add it (`++`). Raises Refused for any other key that `base` does not have,
    and for a new system that is there already or like none.
    """
    return [word for key, value in _changes(preset, base) for word in ("-S", f"{key}={_text(value)}")]


def applied(preset: Tree, base: Tree) -> dict:
    """`base` with what the preset changes. Raises Refused as `flags` does."""
    tree = copy.deepcopy(dict(base))
    for key, value in _changes(preset, base):
        *path, last = key.removeprefix("++").split(".")
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
        branch[last] = value
    return tree


def _changes(preset: Tree, base: Tree) -> list[tuple[str, object]]:
    """Dotted keys and their values; `++` before a key that is new."""
    new = {name: block for name, block in (preset.get("systems") or {}).items() if LIKE in block}
    rest = {name: block for name, block in (preset.get("systems") or {}).items() if name not in new}
    leaves = [*_leaves({**preset, "systems": rest}, base, "")]
    for name, block in new.items():
        leaves += _whole(_like(name, block, base["systems"]), f"++systems.{name}.")
    return leaves


def merged(base: Tree, changes: Tree, where: str) -> dict:
    """`base` with the changes. Raises Refused, naming `where`, for a key that a mapping of `base` does not have."""
    unknown = [key for key in changes if base and key not in base and not OPTIONAL.fullmatch(f"{where}.{key}")]
    if unknown:
        raise Refused(f"the preset sets {where}.{unknown[0]}; known keys: {', '.join(base)}")
    deeper = {
        key: merged(base[key], value, f"{where}.{key}")
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **changes, **deeper}


def _like(name: str, block: Tree, systems: Tree) -> dict:
    """The whole block of a system that is like another."""
    if name in systems:
        raise Refused(f"systems.{name} is in params.yaml already: give the system another name, or run it as it is")
    if block[LIKE] not in systems:
        raise Refused(f"systems.{name} is like {block[LIKE]!r}; params.yaml has systems: {', '.join(systems)}")
    return merged(systems[block[LIKE]], {key: value for key, value in block.items() if key != LIKE}, f"systems.{name}")


def _leaves(tree: Tree, base: Tree, where: str) -> Iterator[tuple[str, object]]:
    takes_entries = not base or where.removesuffix(".") in (*params.BETWEEN, *params.FURTHER)
    for name, value in tree.items():
        if name not in base and (takes_entries or OPTIONAL.fullmatch(f"{where}{name}")):
            yield from _whole({name: value}, f"++{where}")
        elif name not in base:
            raise Refused(f"the preset sets {where}{name}, which params.yaml does not have")
        elif isinstance(value, Mapping) and isinstance(base[name], Mapping):
            yield from _leaves(value, base[name], f"{where}{name}.")
        else:
            yield f"{where}{name}", value


def _whole(tree: Tree, where: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _whole(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", value


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if value == {}:
        return "{}"
    text = str(value)
    if any(character.isspace() or character in APART for character in text):
        raise Refused(f"{text!r} cannot be passed on a command line without quotes")
    return text
