"""Simulated recordings of two kinds, soft and loud, which differ in level and pitch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from voxdag.core import code, streams
from voxdag.corpora.corpus import Corpus

RATE = 8000  # Hz
SAMPLES = 800
SIZES = {"train": 64, "dev": 16, "eval": 16}
KINDS = {"soft": (0.05, 300), "loud": (0.4, 1000)}  # amplitude, Hz


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
    """A fixed split."""
    provide(folder, options)
    rows = [row | {"bytes": (folder / row["path"]).stat().st_size} for row in _rows(options)]
    return Corpus(pd.DataFrame(rows), {}, {"utterances": len(rows)})


def _rows(options: Options) -> list[dict]:
    root = f"{options.root}/{code.fingerprint(asdict(options), __name__)}"
    names = [(f"{split}{i:03d}", split, i) for split, size in SIZES.items() for i in range(size)]
    return [
        {
            "id": name,
            "path": f"{root}/{name}.wav",
            "split": split,
            "speaker": f"{split}-{i // 2 % 2}",
            "label": list(KINDS)[i % 2],
        }
        for name, split, i in names
    ]


def _wave(row: dict, seed: int) -> np.ndarray:
    draw = streams.generator(seed, "click", row["id"])
    amplitude, hertz = (value * draw.uniform(0.8, 1.2) for value in KINDS[row["label"]])
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / RATE)
