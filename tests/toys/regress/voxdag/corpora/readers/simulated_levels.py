"""Simulated levels: tones in a little noise, whose label is their level. No fixed split: folds by speaker."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from voxdag.core import code, streams
from voxdag.corpora.corpus import Corpus
from voxdag.data.folds import Fold

RATE = 8000  # Hz
SPEAKERS = ("s1", "s2", "s3", "s4")
UTTERANCES = 16  # of each speaker
NOISE = 0.02  # standard deviation
FOLDS = tuple(Fold(str(k + 1), dev=frozenset([SPEAKERS[k + 2]]), eval=frozenset([SPEAKERS[k]])) for k in range(2))


@dataclass(frozen=True)
class Options:
    """The corpus's root, and the seed of all that is drawn."""

    root: str
    seed: int


def provide(folder: Path, options: Options) -> None:
    """Write the files that are not there."""
    for row in _rows(options):
        path = folder / row["path"]
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, _wave(row, options.seed), RATE)


def read(folder: Path, options: Options) -> Corpus:
    """A label is sqrt(2) times the root mean square: the amplitude of a pure tone."""
    provide(folder, options)
    rows = _rows(options)
    for row in rows:
        row["bytes"] = (folder / row["path"]).stat().st_size
        row["label"] = float(np.sqrt(2 * np.mean(soundfile.read(folder / row["path"])[0] ** 2)))
    return Corpus(pd.DataFrame(rows), {}, {"utterances": len(rows)}, FOLDS)


def _rows(options: Options) -> list[dict]:
    root = f"{options.root}/{code.fingerprint(asdict(options), __name__)}"
    names = [(f"{speaker}-{i:02d}", speaker) for speaker in SPEAKERS for i in range(UTTERANCES)]
    return [{"id": name, "path": f"{root}/{name}.wav", "speaker": speaker} for name, speaker in names]


def _wave(row: dict, seed: int) -> np.ndarray:
    draw = streams.generator(seed, "level", row["id"])
    time = np.arange(draw.integers(RATE // 10, RATE // 2)) / RATE
    tone = draw.uniform(0.05, 0.4) * np.sin(2 * np.pi * draw.uniform(100, 400) * time)
    return tone + draw.normal(size=len(time)) * NOISE
