"""The sets of spectrograms that `quality` measures, of packed recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from voxdag.audio.segments import fit_length
from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.shards import INT16_SCALE, PackedTrack, Shards
from voxdag.synthesis import memorised
from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.fit import Settings, to_int16
from voxdag.synthesis.mels import LogMel, Scaling, phases

AT_ONCE = 32  # waves
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Spectrograms:
    """values: (n, F, T) scaled log-mels, in an order that is drawn; told: (n, size), their conditions."""

    values: np.ndarray
    told: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int | None) -> Spectrograms:
        """Those from `start` on, before `stop`."""
        return Spectrograms(self.values[start:stop], self.told[start:stop])


@dataclass(frozen=True)
class Sets:
    """Scaled log-mels of train, of dev, of the second half of train inverted, and of what was made up; the scaling; and
    the distances of dev and synthetic to the nearest of train, in the drawn order."""

    train: Spectrograms
    dev: Spectrograms
    inverted: Spectrograms
    synthetic: Spectrograms
    scaling: Scaling
    nearest: dict[str, np.ndarray]


def of_folders(
    train: Shards, dev: Shards, synthetic: Shards, conditions: Conditions, rate: int, settings: Settings
) -> Sets:
    """Those of recordings with a track `wave` at `rate` Hz: one crop of each, drawn. Distances are of all of it."""
    log_mel = LogMel(settings.mels, rate, CPU)
    scaling = Scaling.of((log_mel(torch.from_numpy(wave)[None])[0] for wave in _waves(train)), matched=True)
    sets, nearest = {}, {}
    for name, shards in (("train", train), ("dev", dev), ("synthetic", synthetic)):
        order = streams.generator(settings.seed, "quality", len(shards)).permutation(len(shards))
        crops, told = _crops(shards, name, settings)[order], conditions.told(shards.index)[order]
        sets[name] = Spectrograms(scaling.scale(_log_mels(crops, log_mel)).numpy(), told)
        if name == "train":
            half = len(crops) // 2
            again = _inverted(crops[half:], log_mel, settings)
            sets["inverted"] = Spectrograms(scaling.scale(_log_mels(again, log_mel)).numpy(), told[half:])
        else:
            whole = (scaling.scale(log_mel(torch.from_numpy(wave)[None]))[0].numpy() for wave in _waves(train))
            nearest[name] = memorised.nearest(sets[name].values, whole)
    return Sets(**sets, scaling=scaling, nearest=nearest)


def _waves(shards: Shards) -> Iterator[np.ndarray]:
    packed: PackedTrack = shards.track("wave")
    return (packed.wave(i) for i in range(len(packed)))


def _crops(shards: Shards, name: str, settings: Settings) -> np.ndarray:
    """One crop of each recording, where it begins is drawn: (n, samples) float32. Raises Refused for no recording."""
    packed, length = shards.track("wave"), settings.mels.samples
    if not len(packed):
        raise Refused(f"{shards.folder} holds no {name} recording, expected one at least")
    rows = []
    for i, one in enumerate(packed.ids):
        spare = max(len(packed[i]) - length, 0)
        start = int(streams.generator(settings.seed, "quality", name, one).integers(spare + 1))
        rows.append(fit_length(packed.wave(i), start, length))
    return np.stack(rows)


def _log_mels(waves: np.ndarray, log_mel: LogMel) -> torch.Tensor:
    return torch.cat([log_mel(part) for part in torch.from_numpy(waves).split(AT_ONCE)])


def _inverted(waves: np.ndarray, log_mel: LogMel, settings: Settings) -> np.ndarray:
    """Waves that were made log-mels and waves again, in 16 bits, as what a generator makes is."""
    made = []
    for start in range(0, len(waves), AT_ONCE):
        part = torch.from_numpy(waves[start : start + AT_ONCE])
        first = phases(settings.mels, settings.seed, [f"inverted {start + i}" for i in range(len(part))])
        made.append(to_int16(log_mel.waves(log_mel(part), settings.rounds, first).numpy()))
    return np.concatenate(made).astype(np.float32) / INT16_SCALE
