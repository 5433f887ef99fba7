"""Simulated music with valence and arousal: parametric clips, the layout of DEAM.

    affect       what a clip is meant to say: valence and arousal, with the spread that labels of music have
    cues         mode, tempo, level and others follow it, each with noise of its own (simulation.music)
    annotators   rate it, each with an error, in whole numbers from 1 to 9; their mean is the label

so neither the cues nor the label tell the affect in full. Written once to <corpora folder>/<root>/<fingerprint>, where
the fingerprint covers the options and the code that the corpus is made by: a change of any of them makes another corpus
and leaves the old one alone. The files are called as the original's, whose clips are of 45 s: FLAC at 16 kHz here.

The distribution of affect and of ratings is that of DEAM's labels (computed from its tables of static annotations).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from voxdag.core import bounds, command, streams
from voxdag.core.parallel import parallel_map
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.making import beside, made, write_flac
from voxdag.corpora.readers import deam
from voxdag.simulation.music import SAMPLE_RATE, SHORTEST_SECONDS, draw_cues, perform

SONG_LEVEL = "annotations/annotations averaged per song/song_level"
MOST_CLIPS = 2000  # that the original's table of songs 1 to 2000 has numbers for
LONGEST = 60.0  # s of a clip
# Valence and arousal on the scale from 1 to 9. MEANS are those of DEAM's labels. RATING_SD is the spread of a rating
# around what a clip says: of ten ratings the standard deviation is on average .92 of it, and DEAM's are 1.50 and 1.46.
# AFFECT_SD is the spread of what clips say, so that labels of ten annotators have DEAM's (1.17 and 1.28): 1.17^2 -
# 1.62^2 / 10 = 1.05^2, 1.28^2 - 1.58^2 / 10 = 1.18^2; and their correlation (.57): .57 * 1.17 * 1.28 / (1.05 * 1.18).
MEANS = (4.90, 4.81)
RATING_SD = (1.62, 1.58)
AFFECT_SD, AFFECT_CORRELATION = (1.05, 1.18), 0.69


@dataclass(frozen=True)
class Options:
    """The corpus's root; clips of each split, which last from seconds[0] to seconds[1]; who rates each."""

    root: str = "simulated_music"
    seed: int = 1
    train: int = 500
    dev: int = 80
    eval: int = 240
    annotators: int = 10
    seconds: tuple[float, float] = (6.0, 8.0)

    def __post_init__(self) -> None:
        bounds.inside(self, "the corpora folder", "root")
        bounds.within(self, 1, MOST_CLIPS // 4, "dev", "eval")
        bounds.within(self, 1, MOST_CLIPS // 2, "train")
        bounds.within(self, 1, 1000, "annotators")
        bounds.within(self, SHORTEST_SECONDS, LONGEST, "seconds")
        bounds.range_in_order(self, "seconds")


@dataclass(frozen=True)
class Clip:
    """One clip to make, by its number, and what it is meant to say: valence and arousal in -1..1."""

    number: int
    split: str
    valence: float
    arousal: float

    @property
    def name(self) -> str:
        """What it is called while it is worked on."""
        return f"clip {self.number}"

    @property
    def path(self) -> str:
        """Where it lies below the corpus's root."""
        return f"{deam.AUDIO}/{self.number}.flac"


def provide(folder: Path, options: Options) -> None:
    """Make the corpus unless it is there. A killed run leaves no half corpus; a second run at the same time waits."""
    _made(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Make the corpus unless it is there, and read it as DEAM is read."""
    as_deam = deam.Options(
        root=_made(folder, options).as_posix(),
        split="public",
        folds=3,
        seed=options.seed,
        speaker="song",
        annotators=options.annotators,
        swap=(),
        official=False,
        allow_departures=False,
    )
    return deam.read(folder, as_deam)


def clips(options: Options) -> list[Clip]:
    """All clips, split by split, numbered from 1."""
    splits = [split for split in deam.LISTS for _ in range(getattr(options, split))]
    return [Clip(number, split, *_affect(number, options.seed)) for number, split in enumerate(splits, start=1)]


def recording(clip: Clip, seconds: tuple[float, float], seed: int) -> np.ndarray:
    """A clip's sound, (n,) at 16 kHz, peak below full scale."""
    rng = streams.generator(seed, "clip", clip.number)
    return perform(draw_cues(clip.valence, clip.arousal, rng), rng.uniform(*seconds), rng)


def ratings(clip: Clip, annotators: int, seed: int) -> np.ndarray:
    """What the annotators say of a clip, (annotators, 2): valence and arousal, whole numbers from 1 to 9."""
    rng = streams.generator(seed, "ratings", clip.number)
    said = deam.MIDDLE + deam.HALF * np.array([clip.valence, clip.arousal])
    return np.clip(np.rint(rng.normal(said, RATING_SD, (annotators, 2))), deam.LEAST, deam.MOST)


def _affect(number: int, seed: int) -> tuple[float, float]:
    """What a clip is meant to say, in -1..1."""
    rng = streams.generator(seed, "affect", number)
    valence, own = rng.standard_normal(2)
    arousal = AFFECT_CORRELATION * valence + np.sqrt(1 - AFFECT_CORRELATION**2) * own
    said = np.array(MEANS) + np.array(AFFECT_SD) * (valence, arousal)
    return tuple(((np.clip(said, deam.LEAST, deam.MOST) - deam.MIDDLE) / deam.HALF).tolist())


def _made(folder: Path, options: Options) -> Path:
    """The corpus's root, relative to `folder`, after making what is not there."""
    return made(folder, options, __name__, lambda target: _make(target, options, command.jobs()))


def _make(target: Path, options: Options, jobs: int) -> None:
    """Make the corpus as the folder `target`, whole or not at all: beside it first, and moved when complete."""
    with beside(target) as folder:
        unfinished, listed = folder / target.name, clips(options)
        for name in (deam.AUDIO, SONG_LEVEL):
            (unfinished / name).mkdir(parents=True)
        write = partial(_write, folder=unfinished, seconds=options.seconds, seed=options.seed)
        parallel_map(write, listed, jobs, "clips")
        lines = [_line(clip, options) for clip in listed]
        (unfinished / SONG_LEVEL / deam.TABLES[0]).write_text("".join([_header(), *lines]), encoding="utf-8")
        for split, name in deam.LISTS.items():
            numbers = [f"{clip.number}\n" for clip in listed if clip.split == split]
            (unfinished / name).write_text("".join(numbers), encoding="utf-8")
        unfinished.replace(target)


def _header() -> str:
    return ", ".join(["song_id", *deam.LABELS]) + "\n"  # with the original's spaces


def _line(clip: Clip, options: Options) -> str:
    """A clip's row of the table: means and standard deviations of its ratings, to the original's two digits."""
    said = ratings(clip, options.annotators, options.seed)
    (valence, arousal), (valence_sd, arousal_sd) = said.mean(axis=0), said.std(axis=0)
    return f"{clip.number},{valence:.2f},{valence_sd:.2f},{arousal:.2f},{arousal_sd:.2f}\n"


def _write(clip: Clip, folder: Path, seconds: tuple[float, float], seed: int) -> None:
    write_flac(folder / clip.path, recording(clip, seconds, seed), SAMPLE_RATE)
