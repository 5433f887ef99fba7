"""Folders of sounds (noises, impulse responses) that training draws from, in any format; only what is heard is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from voxdag.audio.decode import BadAudio, Frames, mix, resample
from voxdag.core.errors import Refused
from voxdag.core.files import text_of, walk_links
from voxdag.core.workspace import corpora_folder

RATE = 16_000  # Hz
SUFFIXES = frozenset(  # those of the corpora's recordings, which training must not depend on
    {"3gp", "aac", "ac3", "aif", "aifc", "aiff", "amr", "au", "caf", "flac", "m4a", "mka", "mp3", "mp4", "oga", "ogg"}
    | {"opus", "rf64", "sph", "w64", "wav", "wave", "weba", "webm", "wma"}
)
LEAST_PEAK = 1e-3  # of full scale: below it a stretch holds no noise
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
            return _round(whole, samples, rng)

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
    if not folder.is_dir():
        raise Refused(f"{key} is {name!r}: {folder} is no folder")
    listed = sorted((PurePosixPath(below), size) for below, size in walk_links(folder) if _is_audio(below))
    dead = [path for path, size in listed if size is None]
    if dead:
        raise Refused(f"{key} is {name!r}: {folder} holds {len(dead)} links without target, such as {text_of(dead[0])}")
    if not listed:
        raise Refused(f"{key} is {name!r}: {folder} holds no audio; known endings are {', '.join(sorted(SUFFIXES))}")
    paths = [folder / path for path, _ in listed]
    for path in paths:
        with _naming(key, path), Frames(path) as frames:
            if len(frames) > longest * frames.rate:
                seconds = len(frames) / frames.rate
                raise BadAudio(f"{seconds:.1f} s long, expected an impulse response of at most {longest:g} s")
    return Sounds(key, tuple(paths))


def _is_audio(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower().lstrip(".") in SUFFIXES and not path.name.startswith("._")  # of macOS: no audio


def _round(noise: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) of (n,) from a drawn place on, going on from the start where it ends; from the loudest where it is
    silent."""
    for start in (rng.integers(len(noise)), np.argmax(np.abs(noise))):
        found = noise[(start + np.arange(samples)) % len(noise)]
        if np.abs(found).max() >= LEAST_PEAK:
            break
    return found
