"""Simulated tones with two targets, not all of which are known: whether a tone is high or low, and its level."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from voxdag.core import code, streams
from voxdag.corpora.corpus import Corpus

RATE = 8000  # Hz
SIZES = {"train": 48, "dev": 16, "eval": 16}
HERTZ = {"low": 200, "high": 1500}


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
            time = np.arange(row["samples"]) / RATE
            soundfile.write(path, row["level"] * np.sin(2 * np.pi * HERTZ[row["label"]] * time), RATE)


def read(folder: Path, options: Options) -> Corpus:
    """Every fourth utterance has no label, every fourth other one no level."""
    provide(folder, options)
    rows = []
    for i, row in enumerate(_rows(options)):
        unknown = {0: {"label": None}, 2: {"level": None}}.get(i % 4, {})
        kept = {name: value for name, value in row.items() if name != "samples"}
        rows.append(kept | unknown | {"bytes": (folder / row["path"]).stat().st_size})
    return Corpus(pd.DataFrame(rows), {}, {"utterances": len(rows)})


def _rows(options: Options) -> list[dict]:
    root, rows = f"{options.root}/{code.fingerprint(asdict(options), __name__)}", []
    for split, size in SIZES.items():
        for i in range(size):
            name = f"{split}{i:03d}"
            draw = streams.generator(options.seed, "tone", name)
            row = {"id": name, "path": f"{root}/{name}.wav", "split": split, "speaker": f"{split}-{i % 2}"}
            row |= {"label": list(HERTZ)[i // 2 % 2], "level": round(draw.uniform(0.1, 0.5), 6)}
            rows.append(row | {"samples": int(draw.integers(RATE // 10, RATE // 2))})
    return rows
