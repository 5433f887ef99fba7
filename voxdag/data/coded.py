"""Recordings through codecs: which of a split, at which quality, and what the index says of them.

Each split has a rule of its own, so that train may have codecs that eval has not. A version of a recording draws a
codec, and a quality of it, from streams of (seed, split, id): other recordings, and more versions, change none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.audio import codecs
from voxdag.audio.codecs import NONE, cache
from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import Row, Shards

CODEC, QUALITY = "codec", "quality"  # columns of the index: "none" of what was not coded
ORIGINAL, KBPS = "original", "kbps"  # the id of what was coded; the bit rate that was reached, 0 of what was not


@dataclass(frozen=True)
class Rule:
    """What becomes of each recording of a split.

    original  whether it stays, as it is, beside its versions
    versions  how many there are of it; no two are of one codec and quality
    codecs    that a version draws from, each as likely as any other; "none" leaves it as it is
    """

    original: bool
    versions: int
    codecs: tuple[str, ...]

    def __post_init__(self) -> None:
        bounds.at_least(self, 0, "versions")
        bounds.one_of(self, (NONE, *codecs.CODECS), "codecs")
        bounds.distinct(self, "codecs")
        if not (self.original or self.versions):
            raise Refused("versions is 0 and original is false: nothing would be left of a recording")
        there = sum(len(_qualities(codec)) for codec in self.codecs) - (self.original and NONE in self.codecs)
        if self.versions > there:
            raise Refused(f"versions is {self.versions}, and its codecs have {there} qualities, expected at most those")


@dataclass(frozen=True)
class Settings:
    """seed: of what is drawn; the rule of each split."""

    seed: int
    train: Rule
    dev: Rule
    eval: Rule

    def check(self) -> None:
        """Raises Refused for a codec that this installation cannot code with."""
        for codec in dict.fromkeys(name for rule in (self.train, self.dev, self.eval) for name in rule.codecs):
            if codec != NONE:
                codecs.check(codec)


@dataclass(frozen=True)
class Version:
    """One recording to make: of row `number` of an index, with a codec and a quality (NONE: as it is)."""

    number: int
    name: str
    codec: str
    quality: str


def versions(ids: pd.Series, split: str, rule: Rule, seed: int) -> Iterator[Version]:
    """What there will be of each recording, in the index's order.

    A name is the recording's, with codec and quality behind it unless it is the recording as it was.
    """
    for number, one in enumerate(ids):
        if rule.original:
            yield Version(number, one, NONE, NONE)
        drawn = _drawn(rule, streams.generator(seed, "codecs", split, one))
        for _, (codec, quality) in zip(range(rule.versions), drawn, strict=False):
            yield Version(number, one if codec == NONE else f"{one}_{codec}-{quality}", codec, quality)


def _drawn(rule: Rule, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Codecs in drawn rounds, each with a quality that it has not had; those of no further quality are passed over."""
    left = {codec: list(rng.permutation(_qualities(codec))) for codec in sorted(rule.codecs)}
    if rule.original:
        left.pop(NONE, None)
    while any(left.values()):
        for codec in rng.permutation(sorted(left)):
            if left[codec]:
                yield str(codec), str(left[codec].pop())


def _qualities(codec: str) -> tuple[str, ...]:
    return (NONE,) if codec == NONE else codecs.CODECS[codec].qualities


@dataclass(frozen=True)
class Work:
    """A version, and the samples (n,) int16 of what it is of."""

    version: Version
    samples: np.ndarray

    @property
    def name(self) -> str:
        """What it is called while it is worked on."""
        return self.version.name


def through(work: Work, rate: int, folder: Path | None) -> tuple[np.ndarray, float]:
    """The samples (n,) int16 of a version and its bit rate, kbit/s; folder: of what was coded before."""
    version = work.version
    if version.codec == NONE:
        return work.samples, 0.0
    return cache.through(work.samples, rate, version.codec, version.quality, folder)


def row(before: Mapping[str, object], version: Version, kbps: float) -> Row:
    """What the index says of a version. What was coded before has both codecs, with a plus between."""
    said = dict(before) | {"id": version.name, ORIGINAL: before["id"], KBPS: round(kbps, 3)}
    told = {name: before.get(name, NONE) for name in (CODEC, QUALITY)}
    new = {CODEC: version.codec, QUALITY: version.quality}
    return said | {name: _joined(str(told[name]), new[name]) for name in told}


def _joined(before: str, after: str) -> str:
    return "+".join(name for name in (before, after) if name != NONE) or NONE


def refuse_other_tracks(shards: Shards) -> int:
    """The rate of waves, Hz. Raises Refused for a folder of anything else."""
    track = shards.tracks.get("wave")
    if len(shards.tracks) != 1 or track is None or track.dtype != "int16":
        raise Refused(f"{shards.folder} holds {', '.join(shards.tracks)}, expected the one track wave, of 16 bits")
    return int(track.rate)  # type: ignore[arg-type]
