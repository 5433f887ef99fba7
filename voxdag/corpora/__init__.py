"""Corpora by name: where the audio and the labels of a task come from.

A new corpus is one new module and one line in `CORPORA`. The module offers

    Options                                        frozen dataclass, its params; first field `root: str`, a folder
                                                   inside the corpora folder, or an absolute path
    provide(folder: Path, options) -> None         makes sure that the audio is on disk: a simulated corpus makes it, a
                                                   published one raises CorpusMissing
    read(folder: Path, options) -> Corpus          provides, then reads

where `folder` is the corpora folder.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pandas as pd

from voxdag.data.folds import Fold

CORPORA = {
    "simulated_la": "voxdag.corpora.readers.simulated_la",
    "asvspoof2019_la": "voxdag.corpora.readers.asvspoof2019_la",
    "simulated_emotional": "voxdag.corpora.readers.simulated_emotional",
    "ravdess": "voxdag.corpora.readers.ravdess",
    "crema_d": "voxdag.corpora.readers.crema_d",
    "savee": "voxdag.corpora.readers.savee",
    "iemocap": "voxdag.corpora.readers.iemocap",
    "emodb": "voxdag.corpora.readers.emodb",
}
# File name endings, in lower case and without the dot, of what libsndfile decodes from the name and content alone.
AUDIO_SUFFIXES = frozenset(
    {"aif", "aiff", "au", "caf", "flac", "mp3", "oga", "ogg", "opus", "rf64", "sph", "w64", "wav", "wave"}
)


@dataclass(frozen=True)
class Corpus:
    """What the protocols of a corpus say, and what of it lies on disk.

    trials: one row per listed utterance: id, path (posix, relative to the corpora folder), split (train, dev, eval; not
        where the corpus has folds), speaker, label, the columns to break results down by, bytes (file size, Int64;
        missing if the file is absent).
    tables: further official tables, by name.
    report: JSON-able account of counts, absent and unlisted files, and departures from what was published.
    folds: the standard cross-validation of a corpus that has no fixed split; else none.
    """

    trials: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    report: dict[str, object]
    folds: tuple[Fold, ...] = ()


class CorpusMissing(FileNotFoundError):
    """A corpus, or a part that it cannot be read without, is not on disk."""

    @classmethod
    def at(cls, path: Path, what: str, get: str, put: str, key: str) -> "CorpusMissing":
        """`what` is not at `path`; where to `get` it, where to `put` it, and the params `key` that points there."""
        return cls(
            f"{what}: nothing at {path}. Get it from {get}. Put it at {put}. "
            f"Params key {key} names its folder; environment variable VOXDAG_CORPORA moves the folder of all corpora."
        )


def corpus(name: str) -> ModuleType:
    """The module of the corpus called `name`.

    Raises ValueError, listing the valid names, if there is none.
    """
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}, expected one of {', '.join(sorted(CORPORA))}")
    return importlib.import_module(CORPORA[name])


def corpora_folder() -> Path:
    """The folder that holds all corpora: $VOXDAG_CORPORA, or data/corpora."""
    return Path(os.environ.get("VOXDAG_CORPORA") or "data/corpora")
