"""A bundle as `voxdag.predict` uses it: a folder, or a zip that is unpacked for as long as it is used; checked file by
file before anything in it is read."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voxdag.core.errors import NotHere, Refused
from voxdag.networks.by_name import WORDS
from voxdag.release import manifest
from voxdag.release.manifest import FILE, Held, Manifest
from voxdag.tasks.sources import Source

MAKES = "`python -m voxdag.bundle SYSTEM OUT` makes one"


@dataclass(frozen=True)
class Bundle:
    """folder: where its files lie, each of which was checked; about: its bundle.json; path: what it was given as."""

    folder: Path
    about: Manifest
    path: Path

    @property
    def weights_of_others(self) -> Path | None:
        """Where what others trained lies, if its networks need it."""
        return None if self.about.others is None else self.folder / self.about.others

    def source(self, member: str | None = None, onnx: bool = False) -> Source:
        """Its networks and how they score files: all members, or one. onnx: by its ONNX files.

        Raises Refused for a member that is not in it, and for ONNX files that are not.
        """
        about, held = self.about, self._members(member)
        files = [one.onnx for one in held if one.onnx is not None] if onnx else []
        if onnx and len(files) < len(held):
            raise Refused(f"--onnx is given, and {self.path} has no ONNX file: {about.onnx.get('reason', 'not made')}")
        network, config, changes = (about.network.get(word) for word in WORDS[:3])
        return Source(
            about.system,
            tuple(self.folder / one.weights for one in held),
            about.scoring,
            (network, config, changes),
            said_in=f"{FILE} of the bundle {self.path}",
            run=about.run,
            decisions=None if about.decisions is None else self.folder / about.decisions,
            onnx=tuple(self.folder / name for name in files),
        )

    def _members(self, member: str | None) -> list[Held]:
        found = [one for one in self.about.members if member in (None, one.name)]
        if not found:
            there = ", ".join(one.name for one in self.about.members)
            raise Refused(f"member {member} is not in {self.path}; its members: {there}")
        return found


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The bundle in a folder or zip. Raises NotHere, or Refused, naming the file, where it is not as it was made."""
    if path.is_dir():
        yield _read(path, path)
    elif not path.exists():
        raise NotHere(f"no bundle at {path}: {MAKES}")
    elif not zipfile.is_zipfile(path):
        raise Refused(f"{path} is no bundle: expected a folder or a zip; {MAKES}")
    else:
        with tempfile.TemporaryDirectory(prefix="voxdag-bundle-") as folder:
            _unpack(path, Path(folder))
            yield _read(Path(folder), path)


def _read(folder: Path, bundle: Path) -> Bundle:
    """bundle: what messages call it."""
    own, real = folder / FILE, folder.resolve()
    if not own.is_file():
        raise NotHere(f"{bundle} is no bundle: it has no {FILE}; {MAKES}")
    if own.stat().st_size > manifest.LONGEST:
        raise Refused(f"{FILE} of the bundle {bundle} has more than {manifest.LONGEST} bytes")
    about = manifest.parse(own.read_bytes(), f"{FILE} of the bundle {bundle}")
    for name, expected in about.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(real):
            raise Refused(f"{name} of the bundle {bundle} is a link that leads out of it")
        manifest.check_file(path, name, expected, bundle)
    return Bundle(folder, about, bundle)


def _unpack(path: Path, folder: Path) -> None:
    """Only what bundle.json lists, and no more of it than its size there. Raises Refused for a damaged zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = _own(archive, path)
            (folder / FILE).write_bytes(about)
            for name, expected in manifest.parse(about, f"{FILE} of the bundle {path}").files.items():
                _unpack_file(archive, name, expected.bytes, folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as reason:
        raise Refused(f"{path} is damaged ({reason}): take the bundle anew") from None


def _own(archive: zipfile.ZipFile, path: Path) -> bytes:
    try:
        entry = archive.getinfo(FILE)
    except KeyError:
        raise Refused(f"{path} is no bundle: it has no {FILE}; {MAKES}") from None
    with archive.open(entry) as file:
        content = file.read(manifest.LONGEST + 1)
    if len(content) > manifest.LONGEST:
        raise Refused(f"{FILE} of the bundle {path} has more than {manifest.LONGEST} bytes")
    return content


def _unpack_file(archive: zipfile.ZipFile, name: str, size: int, out: Path) -> None:
    try:
        entry = archive.getinfo(name)
    except KeyError:
        return  # `_read` says that it is not there
    out.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as file, out.open("wb") as written:
        if entry.file_size <= size:
            shutil.copyfileobj(file, written)
        else:
            written.write(file.read(size + 1))  # enough to be told from what it should be
