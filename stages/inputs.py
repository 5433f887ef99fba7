"""Look at what comes from outside the repository: which files the corpora hold, and which weights systems start from.

Usage:  python -m stages.inputs
Reads:  params.yaml                                the corpora and weights that its items name
        the corpora and the weights folders        names and sizes of the former, contents of the latter
Writes: data/inputs/corpora/<task>.txt             one line per corpus: files, bytes, hash of the listing
        data/inputs/weights/<section>/<item>.txt   one line per file of weights: its hash
        data/inputs/weights/<file>                 the hash of a file that a stage between names; of none, nothing

It runs on every `dvc repro`. So a corpus that was incomplete and is completed is read again, and swapped weights train
again; what is as it was reruns nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from voxdag.core import command, params
from voxdag.core.files import write_text
from voxdag.core.params import BETWEEN, FILES, NONE
from voxdag.core.workspace import corpora_folder, weights_folder
from voxdag.networks.official import DENOISERS

FOLDER = Path("data/inputs")
SIMULATED = "simulated_"  # a corpus whose name begins so is made by its reader, and named after how
SECTIONS = ("tasks", "systems")  # of params.yaml, whose items may need weights
DIGEST_BYTES = 16
CHUNK = 2**24  # bytes


def listing(folder: Path) -> str:
    """How many files a folder holds, all folders below included, their bytes, and a hash of their names and sizes."""
    if not folder.is_dir():
        return "absent"
    found = sorted(files(folder))
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, size in found:
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
    return f"{len(found)} files, {sum(size for _, size in found)} bytes, {digest.hexdigest()}"


def files(folder: Path) -> Iterator[tuple[str, int]]:
    """(path below `folder`, bytes) of every file; folders whose name starts with a dot are not entered.

    A linked folder is entered, unless it is one of those around it. A link that leads nowhere is no file.
    """
    waiting = [(folder, frozenset({_identity(folder)}))]
    while waiting:
        place, around = waiting.pop()
        below = place.relative_to(folder).as_posix()
        for entry in os.scandir(place):
            if entry.is_symlink() and not Path(entry.path).exists():
                continue
            if entry.is_dir():
                identity = _identity(entry)
                if not entry.name.startswith(".") and identity not in around:
                    waiting.append((Path(entry.path), around | {identity}))
            elif entry.is_file():
                yield f"{below}/{entry.name}", entry.stat().st_size


def corpora(task: Mapping) -> str:
    """One line for each corpus that a task reads."""
    prepare = task["prepare"]
    names = dict.fromkeys(name for name in (prepare["corpus"], prepare["eval_corpus"]) if name)
    return "".join(f"{name}: {_corpus(name, prepare['corpora'])}\n" for name in names)


def weights(item: Mapping) -> str:
    """One line for each file in the weights folder that an item of params.yaml names."""
    front_end = item.get("features", {}).get("front_end") or {}
    named = [item.get("model", {}).get("init_weights"), DENOISERS.get(front_end.get("denoise"))]
    return "".join(f"{name} {_hash(weights_folder() / name)}\n" for name in named if name)


def weights_between(tree: Mapping) -> dict[str, str]:
    """What stages between depend on, by the names of files: each is a dependency of its own."""
    entries = [entry for section in BETWEEN for entry in (tree.get(section) or {}).values()]
    named = {entry["weights"].removeprefix(FILES) for entry in entries if entry["weights"].startswith(FILES)}
    return {name: "" if name == NONE else f"{_hash(weights_folder() / name)}\n" for name in sorted(named)}


def main() -> None:
    tree = params.read()
    shutil.rmtree(FOLDER, ignore_errors=True)  # an item that is gone leaves nothing behind
    for name, task in tree["tasks"].items():
        write_text(FOLDER / "corpora" / f"{name}.txt", corpora(task))
    for section in SECTIONS:
        for name, item in (tree.get(section) or {}).items():
            write_text(FOLDER / "weights" / section / f"{name}.txt", weights(item))
    for name, text in weights_between(tree).items():
        write_text(FOLDER / "weights" / name, text)


def _identity(folder: Path | os.DirEntry) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _corpus(name: str, options: Mapping) -> str:
    if name.startswith(SIMULATED):
        return "made by its reader"
    return listing(corpora_folder() / options[name]["root"]) if name in options else "no options"


def _hash(path: Path) -> str:
    if not path.is_file():
        return "absent"
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    command.guarded(main)
