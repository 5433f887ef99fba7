"""The packages that a checkout runs with, as a CycloneDX bill of materials (JSON, specification 1.6), made of the pins
in requirements.txt: versions, hashes, and what needs what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voxdag.core.errors import NotHere, Refused

PINS, PROJECT = Path("requirements.txt"), Path("pyproject.toml")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
ASKED = "-r"  # begins what `via` says of a package that a requirements file itself asks for
OURS = "voxdag"
MARKER = f"{OURS}:environment_marker"


@dataclass(frozen=True)
class Pin:
    """marker: where it is installed, as pip reads it; empty: everywhere. via: the packages that need it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version.replace('+', '%2B')}"


def pins(text: str, where: str) -> list[Pin]:
    """The pins of a requirements file that uv or pip-compile wrote with hashes. Raises Refused, with the line, for any
    other."""
    found: list[Pin] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := PIN.match(line):
            marker = match["marker"] or ""
            found.append(Pin(_normal(match["name"]), match["version"], marker, (), ()))
        elif found and (digest := HASH.search(line)):
            found[-1] = _with(found[-1], hashes=(*found[-1].hashes, digest[1]))
        elif found and line.lstrip().startswith("#"):
            whose = line.strip().lstrip("#").strip().removeprefix("via").strip()
            found[-1] = _with(found[-1], via=(*found[-1].via, *([whose] if whose else [])))
        elif line.strip() and not line.startswith("#"):
            raise Refused(
                f"{where}, line {number}: {line.strip()[:60]!r}, expected name==version with --hash=sha256:..."
            )
    bare = [pin.name for pin in found if not pin.hashes]
    if bare or not found:
        raise Refused(f"{where} has no hash of {bare[0] if bare else 'any package'}: `make lock` writes them")
    return found


def components(found: Iterable[Pin], needed: Iterable[str]) -> list[dict]:
    """Of each pin what the bill says. needed: packages without which the product does not run; others are optional."""
    needed = set(needed)
    return [
        {
            "type": "library",
            "bom-ref": pin.purl,
            "name": pin.name,
            "version": pin.version,
            "purl": pin.purl,
            "scope": "required" if pin.name in needed else "optional",
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(pin.hashes)],
            **({"properties": [{"name": MARKER, "value": pin.marker}]} if pin.marker else {}),
        }
        for pin in sorted(found, key=lambda pin: pin.purl)
    ]


def bill(found: Iterable[Pin], product: Mapping[str, str], direct: Iterable[str]) -> dict:
    """The bill of materials. direct: the packages that the product itself imports."""
    found, direct = list(found), {_normal(name) for name in direct}
    needs = _needs(found)
    needed = _reached(direct, needs)
    refs: dict[str, list[str]] = {}
    for pin in found:
        refs.setdefault(pin.name, []).append(pin.purl)
    root = {"type": "application", "bom-ref": OURS, **product, "licenses": [{"license": {"id": "MIT"}}]}
    asked = {pin.name for pin in found if any(whose.startswith(ASKED) for whose in pin.via)}
    edges = [{"ref": OURS, "dependsOn": _listed(refs, asked)}]
    edges += [
        {"ref": pin.purl, "dependsOn": _listed(refs, needs.get(pin.name, ()))}
        for pin in sorted(found, key=lambda pin: pin.purl)
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root},
        "components": components(found, needed),
        "dependencies": edges,
    }


def of_checkout(product: Mapping[str, str]) -> dict:
    """Of the checkout that the command runs in. Raises NotHere without its pins."""
    for path in (PINS, PROJECT):
        if not path.is_file():
            raise NotHere(f"{path} is not here, which says what packages there are: run from the repository's root")
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    direct = [re.split(r"[^A-Za-z0-9._-]", need)[0] for need in project["dependencies"]]
    return bill(pins(PINS.read_text(encoding="utf-8"), str(PINS)), product, direct)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _with(pin: Pin, **changes: tuple[str, ...]) -> Pin:
    return Pin(**(vars(pin) | changes))


def _needs(found: Iterable[Pin]) -> dict[str, set[str]]:
    """package -> those that it needs."""
    needs: dict[str, set[str]] = {}
    for pin in found:
        for whose in pin.via:
            if not whose.startswith(ASKED):
                needs.setdefault(_normal(whose), set()).add(pin.name)
    return needs


def _reached(start: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    reached, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(needs.get(name, ()))
    return reached


def _listed(refs: Mapping[str, list[str]], names: Iterable[str]) -> list[str]:
    return sorted(ref for name in names for ref in refs.get(name, ()))
