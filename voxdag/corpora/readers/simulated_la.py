"""Simulated logical access corpus: source-filter speech in drawn rooms, 19 attacks, the layout of ASVspoof 2019 LA.

Written once to <corpora folder>/<root>/<fingerprint>/LA, where the fingerprint covers the options and the code that the
corpus is made by: a change of any of them makes another corpus and leaves the old one alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from voxdag.core import bounds, command, streams
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.la_layout import SHORTEST, SPARE, Material, Recording, write
from voxdag.corpora.making import made
from voxdag.corpora.protocols import SPLITS
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.simulation.equalise import RATE
from voxdag.simulation.speech import draw_scene, draw_speaker, record, synthesise

ROOM = 0.15  # s that are recorded before and after the speech
SEXES = ("female", "male")
LONGEST = 60.0  # s of an utterance


@dataclass(frozen=True)
class Split:
    """Numbers of speakers (half of them female), of bona fide and of spoofed utterances."""

    speakers: int
    bonafide: int
    spoof: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 2, "speakers")
        bounds.at_least(self, 1, "bonafide", "spoof")


@dataclass(frozen=True)
class Options:
    """The corpus's root and size; utterances last from seconds[0] to seconds[1]."""

    root: str = "simulated_la"
    seed: int = 1
    train: Split = Split(speakers=48, bonafide=240, spoof=480)
    dev: Split = Split(speakers=12, bonafide=80, spoof=160)
    eval: Split = Split(speakers=16, bonafide=170, spoof=350)
    seconds: tuple[float, float] = (2.0, 4.0)

    def __post_init__(self) -> None:
        bounds.inside(self, "the corpora folder", "root")
        bounds.within(self, SHORTEST, LONGEST, "seconds")
        bounds.range_in_order(self, "seconds")


def provide(folder: Path, options: Options) -> None:
    """Make the corpus unless it is there. A killed run leaves no half corpus; a second run at the same time waits."""
    _made(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Make the corpus unless it is there, and read it as ASVspoof 2019 LA is read."""
    root = _made(folder, options)
    return asvspoof2019_la.read(folder, asvspoof2019_la.Options(root.as_posix(), official=False))


def _made(folder: Path, options: Options) -> Path:
    """The corpus's root, relative to `folder`, after making what is not there."""
    return made(folder, options, __name__, partial(_make, options=options), inside="LA")


def _make(la: Path, options: Options) -> None:
    load = partial(_record, sexes=_sexes(options), seconds=options.seconds[1] + SPARE, seed=options.seed)
    write(la, _material(options), load, options.seconds, options.seed, command.jobs())


def _names(options: Options) -> dict[str, list[str]]:
    """Speakers of each split; numbers go on from split to split."""
    names, first = {}, 1
    for split in SPLITS:
        count = getattr(options, split).speakers
        names[split] = [f"LA_{number:04d}" for number in range(first, first + count)]
        first += count
    return names


def _sexes(options: Options) -> dict[str, str]:
    """The sex of each speaker; they alternate."""
    return {name: SEXES[k % 2] for names in _names(options).values() for k, name in enumerate(names)}


def _material(options: Options) -> dict[str, Material]:
    """Enough recordings for each bona fide utterance to have its own, and half as many sources of spoofs."""
    material = {}
    for split, names in _names(options).items():
        size: Split = getattr(options, split)
        bonafide = -(-size.bonafide // max(1, size.speakers))
        each = bonafide + -(-bonafide // 2)
        recordings = tuple(Recording(name, f"{name}/{k:04d}") for name in names for k in range(each))
        material[split] = Material(recordings, size.bonafide, size.spoof)
    return material


def _record(recording: Recording, sexes: Mapping[str, str], seconds: float, seed: int) -> np.ndarray:
    """The speaker says something new, somewhere new: (n,) at 16 kHz."""
    speaker = draw_speaker(streams.generator(seed, "speaker", recording.speaker), sexes[recording.speaker])
    rng = streams.generator(seed, "recording", recording.name)
    dry = np.pad(synthesise(speaker, seconds, rng), round(ROOM * RATE))
    return record(dry, draw_scene(rng), rng)
