"""What a reader gives of a corpus, and readers by name.

A new corpus is one new module, voxdag/corpora/readers/<corpus>.py: a reader is found by the name of its module, and
params.yaml gives its options under tasks.<task>.prepare.corpora.<corpus>. It offers

    Options                                        frozen dataclass, its params; first field `root: str`, a folder
                                                   inside the corpora folder, or an absolute path
    provide(folder: Path, options) -> None         makes sure that the audio is on disk: a simulated corpus makes it, a
                                                   published one raises CorpusMissing
    read(folder: Path, options) -> Corpus          provides, then reads

where `folder` is the corpora folder. A corpus whose name starts with "simulated_" is made by its reader. One that is
made from others' recordings has `sources` among its Options, whose fields are their folders: each run of the pipeline
looks at these, and not at root, where the reader writes what it makes.

The Options of a published corpus have `official`, whether to compare it with what was published, and
`allow_departures`, whether to go on where it differs: the reader lists the departures, `voxdag.corpora.manifest`
refuses them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core.errors import NotHere
from voxdag.core.modules import load_module
from voxdag.data.folds import Fold

# File name endings, in lower case and without the dot, of audio that is decoded (voxdag.audio.decode).
AUDIO_SUFFIXES = frozenset(
    {"3gp", "aac", "ac3", "aif", "aifc", "aiff", "amr", "au", "caf", "flac", "m4a", "mka", "mp3", "mp4", "oga", "ogg"}
    | {"opus", "rf64", "sph", "w64", "wav", "wave", "weba", "webm", "wma"}
)


@dataclass(frozen=True)
class Corpus:
    """What the protocols of a corpus say, and what of it lies on disk.

    trials: one row per listed utterance: id, path (posix, relative to the corpora folder), split (train, dev, eval; not
        where the corpus has folds), speaker, label, the columns to break results down by, bytes (file size, Int64;
        missing if the file is absent). Of recordings of several files also the path <name> and the size <name>_bytes of
        each other one, as in clean, clean_bytes.
    tables: further official tables, by name.
    report: JSON-able account of counts, absent and unlisted files, and departures from what was published.
    folds: the standard cross-validation of a corpus that has no fixed split; else none.
    departures: every count that is not the published one, as a sentence, before options leave anything out; None where
        the corpus is not said to be the published one.
    """

    trials: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    report: dict[str, Any]
    folds: tuple[Fold, ...] = ()
    departures: tuple[str, ...] | None = None


class CorpusMissing(NotHere):
    """A corpus, or a part that it cannot be read without, is not on disk.

    key: of the reader's options, the one that names the folder
    """

    key = "root"

    @classmethod
    def at(cls, path: Path, what: str, get: str, put: str, found: str = "", key: str = key) -> "CorpusMissing":
        """`what` is not at `path`, which holds what was `found` instead; where to `get` it, and where to `put` it."""
        there = f"nothing of it at {path}, but {found}" if found else f"nothing at {path}"
        made = cls(
            f"{what}: {there}. Get it from {get}. Put it at {put}. "
            "Environment variable VOXDAG_CORPORA moves the folder of all corpora."
        )
        made.key = key
        return made


@contextmanager
def root_is_set_by(where: str) -> Iterator[None]:
    """Whoever knows where a reader's options come from (params keys, arguments) adds to its CorpusMissing what they
    begin with."""
    try:
        yield
    except CorpusMissing as reason:
        raise CorpusMissing(f"{reason} {where}{reason.key} names the folder of this one.") from reason


def reader(name: str) -> ModuleType:
    """The module that reads the corpus called `name`. Raises Refused, listing the valid names, if there is none."""
    return load_module("voxdag.corpora.readers.{corpus}", corpus=name)
