"""The console command: `voxdag <command> ...` is `python -m voxdag.<command> ...`, in a checkout or installed.

Usage:  voxdag                      the commands there are
        voxdag <command> --help     what one does
        python -m voxdag.__main__   the same in a checkout, or python -m voxdag
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import voxdag
from voxdag.core import command
from voxdag.core.errors import Refused
from voxdag.core.modules import available, load_module

HELP = ("-h", "--help", "help")


def commands() -> list[str]:
    """The loose modules of voxdag, but for this one."""
    return sorted(set(available("voxdag")) - set(available("voxdag", only_packages=True)) - {"__main__"})


def summary(name: str) -> str:
    """What a command says of itself, without importing it: the first line of its docstring."""
    source = Path(voxdag.__path__[0], f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def run() -> None:
    """Run the command that the command line names. Raises Refused with those there are for any other."""
    asked = sys.argv[1] if len(sys.argv) > 1 else HELP[0]
    if asked in HELP:
        width = max(map(len, commands()))
        print("\n".join(f"voxdag {name:{width}}  {summary(name)}" for name in commands()))
        return
    name = asked.replace("-", "_")
    if name not in commands():
        raise Refused(f"no command {asked!r}; the commands are {', '.join(commands())}")
    sys.argv = [f"voxdag {asked}", *sys.argv[2:]]
    load_module("voxdag.{command}", command=name).main()


def main() -> None:
    """As `run`, with one line for what is wrong."""
    command.guarded(run)


if __name__ == "__main__":
    main()
