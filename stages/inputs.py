"""Look at what comes from outside the repository: which files the corpora hold, and which weights systems start from.

Usage:  python -m stages.inputs
Reads:  params.yaml                                the corpora, weights and score files that its items name
        the corpora and the weights folders        names and sizes of the former, contents of the latter
        score files                                contents
Writes: data/inputs/corpora/<task>.txt             one line per corpus: files, bytes, hash of the listing
        data/inputs/beyond/<entry>.txt             the same of the corpus of an entry of `beyond`
        data/inputs/external/<entry>.txt           one line per score file that an entry of `external` needs: its hash,
                                                   and the line of its corpus
        data/inputs/weights/<section>/<item>.txt   one line per file of weights: its hash; and per folder of sounds
                                                   that a system's objective names: its listing
        data/inputs/weights/<file>                 the hash of a file that a stage between names; of none, nothing

It runs on every `dvc repro`. So a corpus that was incomplete and is completed is read again, and swapped weights train
again; what is as it was reruns nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from voxdag.core import command, folders, params
from voxdag.core.errors import Refused
from voxdag.core.files import write_text
from voxdag.core.folders import DIGEST_BYTES, listing
from voxdag.core.params import BETWEEN, FILES, NONE
from voxdag.core.workspace import corpora_folder, weights_folder
from voxdag.data import layout
from voxdag.networks.official import DENOISERS

FOLDER = Path("data/inputs")
SOURCES = "sources"  # of a corpus's options: the folders of recordings that it is made from, by what they are
SIMULATED = "simulated_"  # a corpus whose name begins so is made by its reader, and named after how
SECTIONS = ("tasks", "systems")  # of params.yaml, whose items may need weights
CHUNK = 2**24  # bytes
NOTHING = "none\n"  # of weights; DVC warns of an empty file


def corpora(task: Mapping) -> str:
    """One line for each corpus that a task reads; what its parameters lack is left to `prepare` to refuse."""
    prepare = task.get("prepare") or {}
    names = dict.fromkeys(name for name in (prepare.get("corpus"), prepare.get("eval_corpus")) if name)
    return "".join(f"{name}: {_corpus(name, prepare.get('corpora') or {})}\n" for name in names)


def further(tree: Mapping, name: str, entry: Mapping) -> str:
    """The line of the corpus of an entry of `beyond`; one that makes no sense is left to its stage to refuse."""
    try:
        options = params.beyond_options(tree, name)
    except Refused:
        return NOTHING
    return f"{entry['corpus']}: {_corpus(entry['corpus'], {entry['corpus']: options})}\n"


def score_files(tree: Mapping, name: str) -> str:
    """One line for each score file that an entry of `external` needs, the dev scores of another one among them; an
    entry that makes no sense is left to its stage to refuse."""
    try:
        needed = [(name, "eval"), *((other, "dev") for other in params.freezing(tree, name))]
        return "".join(f"{split}: {_score_file(tree, whose, split)}\n" for whose, split in needed)
    except Refused:
        return NOTHING


def _score_file(tree: Mapping, name: str, split: str) -> str:
    entry, options = params.external(tree, name), params.external_options(tree, name)
    path, corpus = getattr(entry, split), entry.corpus
    protocol = f"{corpus} {json.dumps(options, sort_keys=True)}: {_corpus(corpus, {corpus: options})}"
    return f"{path} {_hash(corpora_folder() / path)}; {protocol}"


def weights(item: Mapping) -> str:
    """One line for each file in the weights folder that an item of params.yaml names, and for each folder of sounds,
    below the corpora, that a system's objective does."""
    front_end = (item.get("features") or {}).get("front_end") or {}
    named = [(item.get("model") or {}).get("init_weights"), DENOISERS.get(front_end.get("denoise"))]  # type: ignore[arg-type]
    lines = [f"{name} {_hash(weights_folder() / name)}\n" for name in named if name]
    lines += [f"{name}: {held}\n" for name, held in folders.listings(item.get("objective")).items()]
    return "".join(lines) or NOTHING


def weights_between(tree: Mapping) -> dict[str, str]:
    """What stages between depend on, by the names of files: each is a dependency of its own.

    Raises Refused for a name that leads out of the weights folder: what is written under it would lie elsewhere too.
    """
    entries = [(f"{section}.{name}", entry) for section in BETWEEN for name, entry in _items(tree, section)]
    listed = [(where, entry["weights"]) for where, entry in entries if str(entry.get("weights")).startswith(FILES)]
    for where, text in listed:
        parts = PurePosixPath(text).parts
        if text != str(PurePosixPath(*parts)) or ".." in parts or len(parts) <= len(PurePosixPath(FILES).parts):
            raise Refused(f"{where}.weights is {text!r}, expected {FILES}<file>, a file in the weights folder")
    named = {text.removeprefix(FILES) for _, text in listed}
    return {name: NOTHING if name == NONE else f"{_hash(weights_folder() / name)}\n" for name in sorted(named)}


def main() -> None:
    tree = params.read()
    between = weights_between(tree)
    if FOLDER.exists():
        shutil.rmtree(FOLDER)  # an item that is gone leaves nothing behind
    for name, task in _items(tree, "tasks"):
        for folder in (layout.transfers(name), layout.external(name)):
            folder.mkdir(parents=True, exist_ok=True)  # a dependency of `compare`, with entries and without
        write_text(FOLDER / "corpora" / f"{name}.txt", corpora(task))
    for name, entry in _items(tree, "beyond"):
        write_text(FOLDER / "beyond" / f"{name}.txt", further(tree, name, entry))
    for name, _ in _items(tree, "external"):
        write_text(FOLDER / "external" / f"{name}.txt", score_files(tree, name))
    for section in SECTIONS:
        for name, item in _items(tree, section):
            write_text(FOLDER / "weights" / section / f"{name}.txt", weights(item))
    for name, text in between.items():
        write_text(FOLDER / "weights" / name, text)


def _items(tree: Mapping, section: str) -> Iterator[tuple[str, Mapping]]:
    """The items of a section; one without a key is left to its stage to refuse."""
    return ((name, item or {}) for name, item in (tree.get(section) or {}).items())


def _corpus(name: str, options: Mapping) -> str:
    if name.startswith(SIMULATED):
        return "made by its reader"
    named = options.get(name) or {}
    folders = (named.get(SOURCES) or {}).values() or [named.get("root")]
    return "; ".join(listing(corpora_folder() / place) if place else "no options" for place in folders)


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
