"""Simulated pairs: tones of 100 to 400 Hz, and the same with white noise; of each, one file for each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from voxdag.core import code, streams
from voxdag.corpora.corpus import Corpus

RATE = 8000  # Hz
SIZES = {"train": 64, "dev": 16, "eval": 16}
SPEAKERS = 2  # of each split
SNRS = ("0", "10")  # dB


@dataclass(frozen=True)
class Options:
    """The corpus's root, and the seed of all that is drawn."""

    root: str
    seed: int


def provide(folder: Path, options: Options) -> None:
    """Write the files that are not there."""
    root = folder / _root(options)
    for row in _rows(options):
        if not (root / f"{row['id']}-noisy.wav").is_file():
            root.mkdir(parents=True, exist_ok=True)
            noisy, clean = _pair(row, options.seed)
            soundfile.write(root / f"{row['id']}-clean.wav", clean, RATE)
            soundfile.write(root / f"{row['id']}-noisy.wav", noisy, RATE)


def read(folder: Path, options: Options) -> Corpus:
    """A fixed split, without labels."""
    provide(folder, options)
    root, rows = _root(options), _rows(options)
    for row in rows:
        row["path"], row["clean_path"] = (f"{root}/{row['id']}-{track}.wav" for track in ("noisy", "clean"))
        row["bytes"] = (folder / row["path"]).stat().st_size
    return Corpus(pd.DataFrame(rows), {}, {"utterances": len(rows)})


def _root(options: Options) -> str:
    return f"{options.root}/{code.fingerprint(asdict(options), __name__)}"


def _rows(options: Options) -> list[dict]:
    return [
        {"id": f"{split}{i:03d}", "split": split, "speaker": f"{split}-{i % SPEAKERS}", "snr": SNRS[i // 2 % 2]}
        for split, size in SIZES.items()
        for i in range(size)
    ]


def _pair(row: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = streams.generator(seed, "pair", row["id"])
    time = np.arange(draw.integers(RATE // 10, RATE // 2)) / RATE
    clean = 0.2 * np.sin(2 * np.pi * draw.uniform(100, 400) * time)
    noise = draw.normal(size=len(time)) * 0.2 / np.sqrt(2) * 10 ** (-int(row["snr"]) / 20)
    return clean + noise, clean
