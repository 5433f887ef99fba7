"""bundle.json: what a bundle is of, and the SHA-256 of every other file in it. Nothing is read that it does not list.

It proves that the files are those that the bundle was made with; who made it, it does not: compare its own SHA-256 with
what you were told.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.params import Run
from voxdag.tasks.file_scoring import FileScoring

FILE = "bundle.json"
FORMAT = 1  # a bundle that an older voxdag cannot read has a higher one
PRODUCT = "voxdag"
LONGEST = 16 << 20  # bytes of bundle.json


@dataclass(frozen=True)
class Held:
    """A member. weights, onnx: its files; without onnx where its network could not be exported."""

    name: str
    weights: str
    onnx: str | None


@dataclass(frozen=True)
class Checked:
    """bytes, sha256: of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    product    name and version of the program that made it
    network    the words that name the network (voxdag.networks.by_name)
    scoring    how files are scored; run: with how many threads, on which device
    decisions  the file of what dev fitted; None where the task decides nothing
    others     the folder with weights of others that these need (a frozen front end, a denoiser); None: no such
    onnx       what goes into an ONNX file and comes out, and how far its scores are from torch's; or why there is none
    licences   of what it was trained on, by kind and name (voxdag.corpora.licences)
    files      every other file of the bundle
    """

    format: int
    product: dict
    system: str
    task: str
    network: dict
    members: tuple[Held, ...]
    scoring: FileScoring
    run: Run
    decisions: str | None
    others: str | None
    onnx: dict
    licences: dict
    files: dict[str, Checked]

    def text(self) -> str:
        """As it is written: the same for the same content."""
        return json_text(asdict(self))


def json_text(content: object) -> str:
    """JSON with sorted keys, a line each."""
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def product() -> dict[str, str]:
    """Name and version of this program; of a checkout that is not installed, of its pyproject.toml."""
    return {"name": PRODUCT, "version": _version()}


def _version() -> str:
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.is_file():
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    try:
        return version(PRODUCT)
    except PackageNotFoundError:
        return "unknown"


def checked(content: bytes) -> Checked:
    """Of a file's bytes."""
    return Checked(len(content), hashlib.sha256(content).hexdigest())


def parse(content: bytes, where: str) -> Manifest:
    """What the bytes of bundle.json say. Raises Refused, naming `where` they are from, for another format, for what is
    none, and for a name that leads out of the bundle."""
    tree = _tree(content, where)
    _check_format(tree, where)
    found = params.bind(Manifest, tree, "", file=where)
    for name in found.files:
        check_name(name, where)
    own = [name for member in found.members for name in (member.weights, member.onnx) if name is not None]
    own += [found.decisions] if found.decisions is not None else []
    for name in own:
        if name not in found.files:
            raise Refused(f"{where} names {name!r}, which is not among its files")
    if not found.members:
        raise Refused(f"{where} has no members: expected one or more")
    if found.others is not None:
        check_name(found.others, where)
    return found


def check_name(name: str, where: str) -> None:
    """Raises Refused for a name that is no plain path below the bundle: absolute, with .., a drive, a backslash, or a
    character that no name has here."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") for part in parts) and not PureWindowsPath(name).drive
    if not plain or "\\" in name or not name.isprintable() or PurePosixPath(name).is_absolute():
        raise Refused(f"{where} names the file {name!r}: expected a path below the bundle, without ..")


def check_file(path: Path, name: str, expected: Checked, bundle: Path) -> None:
    """Raises NotHere for a file of a bundle that is gone, Refused for one that is not the one that it was made with;
    both name it."""
    if not path.is_file():
        raise NotHere(f"{name} of the bundle {bundle} is not here: take the bundle anew, whole")
    wrong = f"{name} of the bundle {bundle} is not the file that it was made with"
    size = path.stat().st_size
    if size != expected.bytes:
        raise Refused(f"{wrong}: it has {size} bytes, expected {expected.bytes}; take the bundle anew")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.sha256:
        raise Refused(f"{wrong}: SHA-256 {found[:12]}..., expected {expected.sha256[:12]}...; take the bundle anew")


def _tree(content: bytes, where: str) -> Mapping[str, Any]:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise Refused(f"{where} is damaged: expected a JSON object; take the bundle anew")
    return tree


def _check_format(tree: Mapping[str, Any], where: str) -> None:
    found = tree.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise Refused(f"{where} says format {found!r}, expected a whole number from 1 on")
    if found > FORMAT:
        made = tree.get("product")
        version_of = made.get("version") if isinstance(made, dict) else None
        by = f" {PRODUCT} {version_of} made it: install that or a newer one." if isinstance(version_of, str) else ""
        reads = f"{where} is of format {found}, and this {PRODUCT} ({_version()}) reads formats up to {FORMAT}"
        raise Refused(f"{reads}.{by} Or have the bundle made with this one")
