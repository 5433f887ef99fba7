"""The scripts of the workflows as modules: they stand in no package, and import one another by name."""

import importlib
import sys
from types import ModuleType

from tests.clone import ROOT


def script(name: str) -> ModuleType:
    """A module of .github/scripts."""
    folder = str(ROOT / ".github/scripts")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
