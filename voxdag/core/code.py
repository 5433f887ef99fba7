"""Which code a result depends on: the files of an import closure, hashed by meaning, and the packages they import.

The hash is of the syntax tree without docstrings, and comments and layout are not in the tree: a changed comment reruns
nothing, a changed constant reruns what imports it. The same text is the code dependency of every stage (data/code), a
part of the key under which unfinished training is resumed, and a part of a simulated corpus's fingerprint.

Imports are read from the source, those within functions too. A module that is picked by name is imported by
`load_module` with a literal template, whose places are filled from `picked`. An import for type checkers counts as any
other.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import itertools
import json
import string
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from voxdag.core.errors import Refused

ROOT = Path(__file__).parents[2]  # the folder that holds our packages
OURS = ("voxdag", "models", "stages")
DIGITS = 16  # hexadecimal, of a file's hash
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "silero_vad": "silero-vad"}  # import name -> package
LOADERS = ("load_module", "load_optional")  # of voxdag.core.modules
MODULES = "voxdag/core/modules.py"  # where they are made of importlib
IMPORTERS = frozenset(
    {"import_module", "__import__", "spec_from_file_location", "SourceFileLoader", "exec_module", "resolve_name"}
    | {"run_module", "run_path", "exec"}
)
NOT_CODE = frozenset({"ctx", "kind", "type_comment"})  # fields of a syntax tree that say nothing of its meaning

Picked = Mapping[str, Sequence[str]]  # place of a template -> the names that an item of params.yaml picks


def describe(modules: Iterable[str], picked: Picked, root: Path = ROOT) -> str:
    """One line per file of the closure of `modules` (dotted names) and per package that it imports, sorted.

    Raises Refused for a dynamic import that is not a call of one of LOADERS with a literal template, for a module that
    is not there, and for a file that is not Python.
    """
    files = closure(modules, picked, root)
    lines = [f"{file.relative_to(root).as_posix()} {_digest(file)}" for file in sorted(files) if _digest(file)]
    packages = {package for file in files for package in _read(file, root).packages}
    return "".join(f"{line}\n" for line in [*lines, *(f"package {name} {_version(name)}" for name in sorted(packages))])


def fingerprint(settings: object, module: str) -> str:
    """What is made of the settings (JSON-able) by a module (dotted name), as 12 hexadecimal digits."""
    return _hash(json.dumps(settings, sort_keys=True) + describe([module], {}))[:12]


def closure(modules: Iterable[str], picked: Picked, root: Path = ROOT) -> set[Path]:
    """Every file of ours that is imported when `modules` are, directly or not."""
    found: set[Path] = set()
    waiting = [file for name in modules for file in _named(name, root)]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        source = _read(file, root)
        names = [*source.imports, *(name for template in source.templates for name in _filled(template, picked))]
        waiting += [imported for name in names for imported in _files(name, root)]
    return found


class Source:
    """What a file imports: `imports` of ours and `packages` of others by name, `templates` of dynamic imports."""

    def __init__(self, tree: ast.Module, package: str, where: str):
        names = [name for node in ast.walk(tree) for name in _imported(node, package)]
        self.imports = {name for name in names if name.split(".")[0] in OURS}
        others = {name.split(".")[0] for name in names} - set(OURS) - set(sys.stdlib_module_names)
        self.packages = {DISTRIBUTIONS.get(name, name) for name in others}
        self.templates = set(_templates(tree, where)) if where != MODULES else set()


@functools.cache
def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), file.name)  # as Python reads it, by its own encoding
    except (SyntaxError, ValueError) as reason:  # Python 3.11 raises ValueError for a NUL
        raise Refused(f"{file} is not Python: {reason}") from None


@functools.cache
def _read(file: Path, root: Path) -> Source:
    where = file.relative_to(root)
    return Source(_tree(file), ".".join(where.parent.parts), where.as_posix())


@functools.cache
def _digest(file: Path) -> str:
    """The hash of a file's meaning; nothing for a file that holds no more than a docstring."""
    text = _canonical(_tree(file))
    return _hash(text)[:DIGITS] if text != _canonical(ast.Module([], [])) else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(node: object) -> str:
    """A syntax tree as text, the same in Python 3.11 to 3.13.

    Without docstrings, and without what depends on the version: empty fields and empty pieces of f-strings, which some
    versions add, and characters beyond ASCII, which some write as escapes.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name not in NOT_CODE}
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        fields["body"] = [line for i, line in enumerate(node.body) if i or not _is_text(line)]
    if isinstance(node, ast.JoinedStr):
        fields["values"] = [piece for piece in node.values if getattr(piece, "value", None) != ""]
    kept = (f"{name}={_canonical(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(kept)})"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """The dotted names that a node may import: of `from a import b` both a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _templates(tree: ast.Module, where: str) -> Iterator[str]:
    """The templates of dynamic imports. Raises Refused for a dynamic import in any other form, by file and line."""
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        renamed = isinstance(node, ast.alias) and node.asname
        name = node.name if renamed else getattr(node, "id", None) or getattr(node, "attr", None)  # type: ignore[attr-defined]
        if name in IMPORTERS or (name in LOADERS and id(node) not in calls):
            raise Refused(f"{where}:{node.lineno}: {name} imports by name; expected a call of {' or '.join(LOADERS)}")  # type: ignore[attr-defined]
        if name in LOADERS:
            yield _template(calls[id(node)], name, where)


def _template(call: ast.Call, name: str, where: str) -> str:
    if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        return call.args[0].value
    raise Refused(f"{where}:{call.lineno}: the template of {name} is not written out")


def _filled(template: str, picked: Picked) -> Iterator[str]:
    places = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    for names in itertools.product(*(picked.get(place, ()) for place in places)):
        yield template.format(**dict(zip(places, names, strict=True)))


def _named(name: str, root: Path) -> tuple[Path, ...]:
    """As `_files`, of a module that must be there."""
    files, place = _files(name, root), root.joinpath(*name.split("."))
    if not {place.with_suffix(".py"), place / "__init__.py"} & set(files):
        raise Refused(f"there is no module {name}")
    return files


@functools.cache
def _files(name: str, root: Path) -> tuple[Path, ...]:
    """The file of a dotted name and those of the packages above it; none where it names nothing of ours."""
    parts = name.split(".")
    places = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)] if parts[0] in OURS else []
    files = (file for place in places for file in (place.with_suffix(".py"), place / "__init__.py"))
    return tuple(file for file in files if file.is_file())


@functools.cache
def _version(package: str) -> str:
    """The installed version, without the local part that says for which accelerator it was built."""
    try:
        return importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
