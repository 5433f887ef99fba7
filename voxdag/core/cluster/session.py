"""What must be the same on all machines while one parallel map is worked on, and what differs on another one."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pickle
import platform
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from voxdag.core import code
from voxdag.core.errors import Refused
from voxdag.core.parallel import SCHEDULER
from voxdag.core.processes import MAIN

PREFIX = ".voxdag-"  # of files by which a folder is known; git ignores them
FEW = 100  # names by which a folder is known where nothing may be written
VENDORED = "_vendor"  # setuptools' own copies, which are on the path where it was imported
DIGITS = 12  # hexadecimal, of a file's hash


@dataclass(frozen=True)
class Session:
    """One parallel map, as its driver sees the world.

    name          no other has it
    folder        the working folder, absolute
    root          the folder that holds our packages, absolute
    program       the dotted name of the program that runs; None for a script
    threads       of each process's numerical libraries
    environment   our variables
    surroundings  what `surroundings` says
    folders       folder -> names of what lies in it: the working folder, and those that the function was given
    """

    name: str
    folder: str
    root: str
    program: str | None
    threads: int
    environment: Mapping[str, str]
    surroundings: Mapping[str, str]
    folders: Mapping[str, tuple[str, ...]]


@contextmanager
def opened(function: Callable, threads: int) -> Iterator[Session]:
    """A session for a function. Within, each of its folders that can be written to holds a file that is new.

    Raises Refused for a function of a script, which other machines cannot import.
    """
    program = _program()
    if program is None and _plain(function).__module__ == MAIN:
        raise Refused(f"{SCHEDULER}: {sys.argv[0]} is a script, whose functions workers cannot import: run it by -m")
    ours = {name: value for name, value in os.environ.items() if name.startswith("VOXDAG_") and name != SCHEDULER}
    with ExitStack() as stack:
        folders = {str(folder): stack.enter_context(_known(folder)) for folder in _folders(function) if folder.is_dir()}
        here = str(Path.cwd())
        yield Session(secrets.token_hex(8), here, str(code.ROOT), program, threads, ours, surroundings(), folders)


def difference(session: Session) -> str:
    """What is not here as it is at the driver, in words; nothing where all is. For a process in the working folder."""
    for folder, names in session.folders.items():
        for name in names:
            if not Path(folder, name).exists():
                return f"{Path(folder).absolute()} lacks {name}: expected the driver's folder, on a shared file system"
    here = surroundings()
    for name in sorted(here.keys() | session.surroundings.keys()):
        there, own = session.surroundings.get(name, "absent"), here.get(name, "absent")
        if own != there:
            return f"{name} is {own}, at the driver {there}: expected the same code and packages"
    return ""


def surroundings() -> dict[str, str]:
    """Python, every package, and every file of ours -> its version, or a hash of its bytes."""
    installed = [found for found in importlib.metadata.distributions() if VENDORED not in str(found.locate_file(""))]
    packages = {f"package {found.name.lower()}": found.version.split("+")[0] for found in installed}
    files = sorted(file for name in code.OURS for file in (code.ROOT / name).rglob("*.py"))
    digests = {
        file.relative_to(code.ROOT).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:DIGITS] for file in files
    }
    return {"Python": platform.python_version()} | packages | digests


def load(data: bytes, renamed: Mapping[str, str]) -> Any:
    """What was pickled; renamed: module -> the name that it has here, as the driver's program has."""
    return _Unpickler(data, renamed).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, renamed: Mapping[str, str]):
        super().__init__(BytesIO(data))
        self._renamed = renamed

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(self._renamed.get(module, module), name)


def _program() -> str | None:
    spec = getattr(sys.modules[MAIN], "__spec__", None)
    return spec.name if spec else None


def _plain(function: Callable) -> Callable:
    return _plain(function.func) if isinstance(function, partial) else function


def _folders(function: Callable) -> Iterable[Path]:
    yield Path()
    while isinstance(function, partial):
        yield from (word for word in (*function.args, *function.keywords.values()) if isinstance(word, Path))
        function = function.func


@contextmanager
def _known(folder: Path) -> Iterator[tuple[str, ...]]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.NamedTemporaryFile(prefix=PREFIX, dir=folder))
            names: tuple[str, ...] = (Path(file.name).name,)
        except OSError:  # nothing may be written there
            names = tuple(sorted(path.name for path in folder.iterdir())[:FEW])
        yield names
