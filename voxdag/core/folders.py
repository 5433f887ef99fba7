"""Folders of recordings that a system's settings name, below the folder of corpora, and what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voxdag.core.files import walk_links
from voxdag.core.workspace import corpora_folder

KEY = "folder"
DIGEST_BYTES = 16


def listing(folder: Path) -> str:
    """How many files a folder holds, all folders below included, their bytes, and a hash of their names and sizes.

    A link without target counts, and has no size: `prepare` counts a recording that is one as absent.
    """
    if not folder.is_dir():
        return "absent"
    found = sorted(walk_links(folder))
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, size in found:
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
    return f"{len(found)} files, {sum(size or 0 for _, size in found)} bytes, {digest.hexdigest()}"


def named(settings: Any) -> list[str]:
    """What the keys `folder` of settings name, however deep they stand, each once."""
    below = settings.items() if isinstance(settings, Mapping) else enumerate(settings if _is_list(settings) else ())
    found = [[value] if key == KEY and isinstance(value, str) else named(value) for key, value in below]
    return sorted({name for names in found for name in names})


def listings(settings: object) -> dict[str, str]:
    """The listing of each folder that settings name."""
    return {name: listing(corpora_folder() / name) for name in named(settings)}


def _is_list(settings: object) -> bool:
    return isinstance(settings, list | tuple)
