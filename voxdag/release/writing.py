"""A bundle on disk, whole or not at all: a folder, or a zip. The same content is the same bytes: names are sorted, a
zip has one date and compresses nothing (what a library packs, its next version may pack otherwise)."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from voxdag.core.errors import Refused
from voxdag.core.files import naming, writing

ZIP = ".zip"
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows
MODE = 0o100644 << 16  # of a file that its owner may write, in a zip
UNIX = 3

Files = Mapping[str, bytes | Path]


def check(out: Path) -> None:
    """Raises Refused for a place where something is."""
    taken = out.is_symlink() or (out.exists() and not (out.is_dir() and out.suffix != ZIP and not any(out.iterdir())))
    if taken:
        raise Refused(f"{out} is there already: expected a new folder, an empty one, or a new name that ends in {ZIP}")


def write(out: Path, files: Files) -> None:
    """Write the files (name -> bytes, or the file that has them). Raises Refused as `check` does."""
    check(out)
    if out.suffix == ZIP:
        _write_zip(out, files)
    else:
        _write_folder(out, files)


def _write_folder(out: Path, files: Files) -> None:
    with naming(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        whole = Path(folder) / "bundle"
        for name, content in sorted(files.items()):
            place = whole / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                place.write_bytes(content)
            else:
                shutil.copyfile(content, place)
        if out.is_dir():
            out.rmdir()
        whole.rename(out)


def _write_zip(out: Path, files: Files) -> None:
    # by its name: the file itself is open to be appended to, and a zip goes back to write sums
    with writing(out) as file, zipfile.ZipFile(file.name, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr, entry.create_system = MODE, UNIX
            entry.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
            with archive.open(entry, "w") as place:
                if isinstance(content, bytes):
                    place.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, place)
