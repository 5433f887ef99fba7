"""Modules that are picked by name when a run starts: a task's, a network's, a corpus's.

Every such import is one call of `load_module` or `load_optional` with a literal template, so that `voxdag.core.code`
can read in the source what a stage may import, and follow the modules that an item of params.yaml picks.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from types import ModuleType

from voxdag.core.errors import Refused


def load_module(template: str, **names: str) -> ModuleType:
    """The module that `template` names: `load_module("models.{network}", network="aasist")`.

    Raises Refused, listing what there is, where a name is none of those in its place, or where what it names lacks the
    module (a task without a baseline).
    """
    found = load_optional(template, **names)
    if found is None:
        whose = ", ".join(f"{kind} {name}" for kind, name in names.items())
        raise Refused(f"{whose} has no {template.rpartition('.')[2]}: there is no {template.format(**names)}")
    return found


def load_optional(template: str, **names: str) -> ModuleType | None:
    """As `load_module`, but None where what is named lacks the module."""
    for kind, name in names.items():
        package, _, rest = template.partition(f".{{{kind}}}")
        known = available(package, only_packages=bool(rest))
        if name not in known:
            raise Refused(f"unknown {kind} {name!r}, expected one of {', '.join(known)}")
    module = template.format(**names)
    return importlib.import_module(module) if importlib.util.find_spec(module) else None


def available(package: str, only_packages: bool = False) -> list[str]:
    """The modules in a package, sorted, or its packages alone."""
    path = importlib.import_module(package).__path__
    return sorted(module.name for module in pkgutil.iter_modules(path) if module.ispkg or not only_packages)
