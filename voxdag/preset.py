"""Print a preset as the flags of `dvc exp run`: what a published recipe changes in params.yaml.

Usage:  dvc exp run $(python -m voxdag.preset aasist_la2019)
        python -m voxdag.preset                      the presets there are
Reads:  presets/<name>.yaml, only what differs from params.yaml; params.yaml, to refuse what it does not have
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from voxdag.core import command, params
from voxdag.core.errors import Refused

FOLDER = Path("presets")
APART = "'\"\\{}$*?,"  # what a shell takes apart, or DVC: a comma makes a grid


def flags(preset: Mapping, base: Mapping) -> list[str]:
    """-S flags, one per changed value, in an order and form that neither a shell nor DVC takes apart.

    An empty mapping of `base` (params.yaml) takes any key, and DVC is told to add it (`++`). Raises Refused for any
    other key that `base` does not have.
    """
    return [word for key, value in _leaves(preset, base, "") for word in ("-S", f"{key}={_text(value)}")]


def read(name: str) -> dict:
    """A preset's tree. Raises Refused with the presets there are."""
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        raise Refused(f"no preset {name!r}; the presets are {', '.join(names())}")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def names() -> list[str]:
    """The presets there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _leaves(tree: Mapping, base: Mapping, where: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if base and name not in base:
            raise Refused(f"the preset sets {where}{name}, which params.yaml does not have")
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping):
            yield from _leaves(value, base[name], f"{where}{name}.")
        else:
            yield f"{where}{name}" if base else f"++{where}{name}", value


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    text = str(value)
    if any(character.isspace() or character in APART for character in text):
        raise Refused(f"{text!r} cannot be passed on a command line without quotes")
    return text


def main() -> None:
    """Read the command line and print the flags, or the names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="a file of presets/, without .yaml")
    name = parser.parse_args().name
    print("\n".join(names()) if name is None else " ".join(flags(read(name), params.read())))


if __name__ == "__main__":
    command.guarded(main)
