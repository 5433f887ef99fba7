"""Folders of sounds (noises, impulse responses) that training draws from, in any format; only what is heard is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxdag.audio.decode import BadAudio, Frames, mix, resample
from voxdag.core.errors import Refused
from voxdag.core.files import text_of
from voxdag.core.workspace import corpora_folder
from voxdag.corpora.listing import DEAD, audio_in, in_words
from voxdag.corpora.material import LEAST_PEAK, RATE, stretch

LONGEST_RESPONSE = 10.0  # s: what is longer is a recording and no impulse response


@dataclass(frozen=True)
class Sounds:
    """The files of a folder; key: the setting that names it, which refusals name."""

    key: str
    paths: tuple[Path, ...]

    def drawn(self, count: int, rng: np.random.Generator) -> list[Path]:
        """So many different files."""
        return [self.paths[i] for i in rng.choice(len(self.paths), count, replace=False)]

    def noise(self, path: Path, samples: int, rng: np.random.Generator) -> np.ndarray:
        """A stretch (samples,) of a file at RATE from a drawn place on, channels averaged; never a silent one.

        A file that is shorter goes on from its start. Of one that is silent there the stretch at its loudest place is
        heard. Raises Refused for a file that cannot be read, or is silent all of it.
        """
        with _naming(self.key, path), Frames(path) as frames:
            needed = math.ceil(samples * frames.rate / RATE)
            if needed < len(frames):
                start = int(rng.integers(len(frames) - needed + 1))
                found = resample(mix(frames.read(start, start + needed)), frames.rate, RATE)[:samples]
                if np.abs(found).max() >= LEAST_PEAK:
                    return found
            whole = resample(mix(frames.read(0, len(frames))), frames.rate, RATE)
            if np.abs(whole).max() < LEAST_PEAK:
                raise BadAudio("silent")
            return stretch(whole, samples, rng)

    def response(self, path: Path, rng: np.random.Generator) -> np.ndarray:
        """An impulse response (m,) at RATE, of one of the file's channels. Raises Refused as `noise` does."""
        with _naming(self.key, path), Frames(path) as frames:
            wave = frames.read(0, len(frames))[:, rng.integers(frames.channels)]
            if not wave.any():
                raise BadAudio("silent")
            return resample(wave, frames.rate, RATE)


@contextmanager
def _naming(key: str, path: Path) -> Iterator[None]:
    """Has what is wrong with a file name it, and the setting that it comes from."""
    try:
        yield
    except BadAudio as reason:
        raise Refused(f"{key}: {text_of(path)}: {reason}") from reason


def open_noises(name: str, key: str) -> Sounds:
    """The noises of a folder below that of corpora. Raises Refused, with the key, where it is absent or holds no audio,
    and for a file that cannot be opened."""
    return _opened(name, key, math.inf)


def open_responses(name: str, key: str) -> Sounds:
    """The impulse responses of a folder. Raises Refused as `open_noises` does, and for a file that is too long."""
    return _opened(name, key, LONGEST_RESPONSE)


def _opened(name: str, key: str, longest: float) -> Sounds:
    folder = corpora_folder() / name
    try:
        paths, left_out = audio_in(folder)
    except Refused as reason:
        raise Refused(f"{key} is {name!r}: {reason}") from reason
    if DEAD in left_out:
        raise Refused(f"{key} is {name!r}: {folder} holds {in_words({DEAD: left_out[DEAD]})}")
    for path in paths:
        with _naming(key, path), Frames(path) as frames:
            if len(frames) > longest * frames.rate:
                seconds = len(frames) / frames.rate
                raise BadAudio(f"{seconds:.1f} s long, expected an impulse response of at most {longest:g} s")
    return Sounds(key, tuple(paths))
