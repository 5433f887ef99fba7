"""Synthetic embeddings: of each label, frames drawn with the mean and the deviation of those of train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from voxdag.core import artifacts, streams
from voxdag.data.shards import Row, Shards
from voxdag.synthesis.place import Place
from voxdag.tasks.heads.data import LABELS
from voxdag.tasks.heads.inference import TRACK, embeddings

OUTPUT_SIZE = 0
BUFFERS: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Settings:
    """count: recordings of each label; frames of each of them."""

    count: int
    frames: int
    seed: int


def synthesize(
    network: nn.Module | None, shards: Shards, settings: Settings, place: Place
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """count recordings of each label; their level is unknown. How many frames of each were learned from is written."""
    packed, learned = embeddings(shards), {}
    for label in LABELS:
        rows = np.flatnonzero(shards.index["label"] == label)
        frames = np.concatenate([packed[i] for i in rows]).astype(np.float64)  # (frames of all, D)
        learned[label] = len(frames)
        for i in range(settings.count):
            draw = streams.generator(settings.seed, "synthesize", label, i)
            made = draw.normal(frames.mean(0), frames.std(0), (settings.frames, frames.shape[1]))
            row = {"id": f"made-{label}-{i:02d}", "split": "train", "speaker": "made", "label": label}
            yield row, {TRACK: made.astype(np.float16)}
    artifacts.write_json(place.folder / "frames.json", learned)
