"""Augmentation of a countermeasure's crops: a room, other sounds in it, and a channel (RawBoost), in this order.

    crop -> reverberation -> noise -> rawboost -> turned down where it passes full scale -> 16 bits

It is the crop that is changed, and not the recording before it is cut: a ratio is that of what is heard, noise does not
repeat where a short recording is repeated, and its cost does not grow with the recording. What this costs is that
nothing of what stood before a crop reverberates into it. Dev and eval are heard as they are.

Each kind has a stream of its own, (seed, "augmentation", epoch, utterance, kind), and draws its chance first: who sets
the share of one to 0 hears the others as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch.utils.data import Dataset

from voxdag.audio.decode import INT16_SCALE, to_int16
from voxdag.audio.mixing import mix
from voxdag.audio.rawboost import DECIBELS, RawBoost, rawboost, turned_down
from voxdag.audio.reverberation import drawn_room, reverberate
from voxdag.audio.sounds import Sounds, open_noises, open_responses
from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.tasks.antispoof.inference import RATE
from voxdag.training.batches import Batch, Crops

KEY = "objective.augmentation"  # of the settings, for refusals
STREAM = "augmentation"

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Reverberation:
    """share   of crops that are heard in a room
    folder  of impulse responses, below that of corpora, each file as likely as another; None: rooms that are drawn
    """

    share: float
    folder: str | None

    def __post_init__(self) -> None:
        bounds.share(self, "share")
        bounds.inside(self, "the folder of corpora", "folder")


@dataclass(frozen=True)
class Kind:
    """folder  of recordings, below that of corpora
    snr_db  range of the ratio of mean powers over the crop; uniform
    files   range of how many are heard at once, at equal power; uniform. Several of speech are babble
    """

    folder: str
    snr_db: tuple[float, float]
    files: tuple[int, int]

    def __post_init__(self) -> None:
        bounds.inside(self, "the folder of corpora", "folder")
        bounds.within(self, -DECIBELS, DECIBELS, "snr_db")
        bounds.at_least(self, 1, "files")
        bounds.range_in_order(self, "snr_db", "files")


@dataclass(frozen=True)
class Noise:
    """share: of crops that get noise, of one of the kinds, each as likely as another."""

    share: float
    kinds: dict[str, Kind]

    def __post_init__(self) -> None:
        bounds.share(self, "share")
        bounds.not_empty(self, "kinds")


@dataclass(frozen=True)
class Augmentation:
    """What is done to crops; None: nothing of the kind."""

    reverberation: Reverberation | None = None
    noise: Noise | None = None
    rawboost: RawBoost | None = None


class Augmenter:
    """Changes crops as the settings say. Raises Refused for folders that `voxdag.audio.sounds` refuses, and for one
    with fewer files than are to be heard at once."""

    def __init__(self, settings: Augmentation):
        made: dict[str, Callable] = {"reverberation": _reverberation, "noise": _noise, "rawboost": _rawboost}
        asked = {name: getattr(settings, name) for name in made}
        self._changes = {
            name: (own.share, made[name](own, f"{KEY}.{name}")) for name, own in asked.items() if own is not None
        }

    def __call__(self, samples: np.ndarray, stream: Callable[[str], np.random.Generator]) -> np.ndarray:
        """16-bit samples (n,) -> (n,); the very same where no chance says otherwise. stream: the generator of a kind.

        Raises Refused for a file that cannot be read.
        """
        wave, changed = samples.astype(np.float32) / INT16_SCALE, False
        for name, (share, change) in self._changes.items():
            rng = stream(name)
            if rng.random() < share:
                wave, changed = change(wave, rng).astype(np.float32), True
        return to_int16(turned_down(wave))[0] if changed else samples


class Augmented(Dataset):
    """Crops that are changed by the augmenter: by (seed, epoch, name of the item's utterance) and nothing else."""

    def __init__(self, crops: Crops, names: Sequence[str] | np.ndarray, augmenter: Augmenter, seed: int):
        self.crops, self.names, self.augmenter, self.seed = crops, names, augmenter, seed

    def __len__(self) -> int:
        return len(self.crops)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> Batch:
        """As the crops' own."""
        batch = self.crops.__getitems__(items)
        for wave, (epoch, i) in zip(batch["waves"].numpy(), items, strict=True):
            wave[:] = self.augmenter(wave, partial(streams.generator, self.seed, STREAM, epoch, self.names[i]))
        return batch


def _reverberation(settings: Reverberation, key: str) -> Change:
    if settings.folder is None:
        return lambda wave, rng: reverberate(wave, drawn_room(RATE, rng))
    rooms = open_responses(settings.folder, f"{key}.folder")

    def in_a_room(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        (path,) = rooms.drawn(1, rng)
        return reverberate(wave, rooms.response(path, rng))

    return in_a_room


def _noise(settings: Noise, key: str) -> Change:
    opened = [(kind, _open(kind, f"{key}.kinds.{name}")) for name, kind in settings.kinds.items()]

    def beside_others(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        kind, sounds = opened[rng.integers(len(opened))]
        snr_db, count = rng.uniform(*kind.snr_db), int(rng.integers(kind.files[0], kind.files[1] + 1))
        heard = [sounds.noise(path, len(wave), rng) for path in sounds.drawn(count, rng)]
        noise = sum(each / np.sqrt(np.mean(np.square(each))) for each in heard)
        return mix(wave, noise, snr_db)[0] if wave.any() else wave  # no ratio to silence can be set

    return beside_others


def _open(kind: Kind, key: str) -> Sounds:
    sounds = open_noises(kind.folder, f"{key}.folder")
    if len(sounds.paths) < kind.files[1]:
        raise Refused(f"{key}.files is {kind.files}, and {kind.folder} holds {len(sounds.paths)} files")
    return sounds


def _rawboost(settings: RawBoost, key: str) -> Change:
    if settings.centre_hz[1] > RATE / 2:
        raise Refused(f"{key}.centre_hz is {settings.centre_hz}, expected up to {RATE / 2} Hz, half the rate")
    return lambda wave, rng: rawboost(wave, RATE, settings, rng)
