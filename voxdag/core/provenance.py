"""Which code a simulated corpus is made by, and a fingerprint of it with the settings."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]  # the folder that holds the package
PACKAGE = "voxdag"
LEFT_OUT = ROOT / "voxdag/corpora/__init__.py"  # one more line in its table of corpora must not make a new corpus
DIGITS = 12  # hexadecimal


def fingerprint(settings: object, module: Path) -> str:
    """12 hexadecimal digits of the settings (JSON-able) and of all the code that `module` is made of."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for source in sources(module):
        digest.update(f"\0{source.relative_to(ROOT).as_posix()}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:DIGITS]


def sources(module: Path) -> list[Path]:
    """The file `module` and every local file that it imports, directly or not, at the top or within a function."""
    found: set[Path] = set()
    waiting = [module.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in _imported(path) for file in _files(name) if path != LEFT_OUT]
    return sorted(found - {LEFT_OUT})


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """The module of a dotted name, and the packages above it."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1 if parts[0] == PACKAGE else 0):
        place = ROOT.joinpath(*parts[:depth])
        yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())
