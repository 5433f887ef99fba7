"""What an enhancer has to beat: the noisy recordings as they are, a spectral gate, and RNNoise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voxdag.audio.decode import to_int16
from voxdag.audio.denoise import spectral_gate
from voxdag.audio.rnnoise import rnnoise
from voxdag.core import bounds
from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks.enhance import gate
from voxdag.tasks.enhance.measures import measured
from voxdag.tasks.enhance.tracks import RATE, track

SPLITS = ("dev", "eval")


def gated(wave: np.ndarray) -> np.ndarray:
    """What the spectral gate leaves: (n,) -> (n,)."""
    return spectral_gate(wave, RATE)


def by_rnnoise(wave: np.ndarray) -> np.ndarray:
    """What RNNoise leaves: (n,) -> (n,)."""
    return rnnoise(wave, RATE)


METHODS: dict[str, Callable[[np.ndarray], np.ndarray] | None] = {
    "noisy": None,
    "spectral_gate": gated,
    "rnnoise": by_rnnoise,
}


@dataclass(frozen=True)
class Settings:
    """method: a key of METHODS."""

    method: str

    def __post_init__(self) -> None:
        bounds.one_of(self, METHODS, "method")


def predict(
    splits: Mapping[str, Shards], tables: Mapping[str, Mapping[str, pd.DataFrame]], settings: Settings, seed: int
) -> dict[str, pd.DataFrame]:
    """Predictions of a fold's dev and eval, in the columns of the systems' (see `measures.measured`).

    Raises Refused where the noisy recordings of eval do not measure as was published of them (see `gate`).
    """
    predictions = {split: measured(splits[split], made(splits[split], settings.method)) for split in SPLITS}
    published = tables.get("eval", {}).get(gate.TABLE)
    if settings.method == "noisy" and published is not None:
        gate.check(predictions["eval"], published)
    return predictions


def made(shards: Shards, method: str) -> Iterable[np.ndarray]:
    """What a method makes of each noisy recording: (n,) int16."""
    noisy = track(shards, "noisy")
    denoise = METHODS[method]
    if denoise is None:
        return (noisy[i] for i in range(len(noisy)))
    return denoised(noisy, denoise)


def denoised(noisy: PackedTrack, method: Callable[[np.ndarray], np.ndarray]) -> Iterable[np.ndarray]:
    """Each recording, by `method`, in 16 bits."""
    for i in range(len(noisy)):
        yield to_int16(method(noisy.wave(i).astype(np.float64)))[0]
