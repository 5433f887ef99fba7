"""Folders of clean speech and of noise, in any format: what of them can be used, piece by piece, at one rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from voxdag.audio.decode import BadAudio, mix, read, read_stretch, resample
from voxdag.core.errors import Refused
from voxdag.core.files import text_of
from voxdag.core.parallel import parallel_map
from voxdag.corpora.listing import LeftOut, in_words

RATE = 16_000  # Hz
SPEAKER_RULES = ("parent", "prefix")
SHORTEST = 1.0  # s of a piece of speech
LEAST_PEAK = 1e-3  # of full scale: below it a piece holds no speech, a file no noise
SILENT, SHORT = "silent", f"shorter than {SHORTEST:g} s"


@dataclass(frozen=True)
class Piece:
    """A stretch of a file of speech, in the file's own samples."""

    path: str
    speaker: str
    start: int
    stop: int


def speaker_of(path: PurePosixPath, rule: str) -> str:
    """The speaker that a file's folder (parent), or its name up to the first "-" or "_" (prefix), gives."""
    name = path.parent.name if rule == "parent" else path.stem.replace("_", "-").partition("-")[0]
    return text_of(name)


def pieces(folder: Path, names: Sequence[str], rule: str, longest: float, jobs: int) -> tuple[list[Piece], LeftOut]:
    """Files of speech, by name in `folder`, cut into equal pieces of at most `longest` s, but for silent ones.

    rule: of `speaker_of`. Also the files that cannot be used, or of which some is silent, by reason.

    Raises Refused where nothing is left.
    """
    left_out: LeftOut = {}
    cut = parallel_map(partial(_cut, folder=folder, longest=longest), names, jobs, "files of speech")
    found = []
    for name, (stretches, reason) in zip(names, cut, strict=True):
        if reason:
            left_out.setdefault(reason, []).append(name)
        speaker = speaker_of(PurePosixPath(name), rule)
        found += [Piece(name, speaker, start, stop) for start, stop in stretches]
    if not found:
        raise Refused(f"no file of speech can be used: {in_words(left_out)}")
    return found, left_out


def noises(folder: Path, names: Sequence[str], jobs: int) -> tuple[dict[str, str], LeftOut]:
    """File of noise, by name in `folder` -> its type, the folder that it is in; and what cannot be used, by reason.

    Raises Refused where nothing is left.
    """
    left_out: LeftOut = {}
    reasons = parallel_map(partial(_unusable, folder=folder), names, jobs, "files of noise")
    found = {}
    for name, reason in zip(names, reasons, strict=True):
        if reason:
            left_out.setdefault(reason, []).append(name)
        else:
            found[name] = text_of(PurePosixPath(name).parent.name)
    if not found:
        raise Refused(f"no file of noise can be used: {in_words(left_out)}")
    return found, left_out


def stretch_of(path: Path, start: int, stop: int) -> np.ndarray:
    """A stretch of a file of speech, channels averaged: (n,) at RATE."""
    wave, rate = read_stretch(path, start, stop)
    return resample(mix(wave), rate, RATE)


def sound(path: Path) -> np.ndarray:
    """A file of noise, channels averaged: (n,) at RATE, without the digital silence before and behind it.

    Clips of one length are filled up with it.
    """
    wave, rate = read(path)
    mono = mix(wave)
    sounding = np.flatnonzero(mono)
    return resample(mono[sounding[0] : sounding[-1] + 1], rate, RATE)


def stretch(noise: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) of (n,) from a drawn place on, going on from the start where it ends; never a silent stretch."""
    places = (rng.integers(len(noise)) + np.arange(samples)) % len(noise)
    if np.abs(noise[places]).max() >= LEAST_PEAK:
        return noise[places]
    return noise[(np.argmax(np.abs(noise)) + np.arange(samples)) % len(noise)]


def _cut(name: str, folder: Path, longest: float) -> tuple[list[tuple[int, int]], str]:
    """The stretches of a file that hold speech, and why the file, or some of it, cannot be used."""
    try:
        wave, rate = read(folder / name)
        mono = mix(wave)
    except BadAudio as reason:
        return [], str(reason)
    seconds = len(mono) / rate
    if seconds < SHORTEST:
        return [], SHORT
    ends = np.linspace(0, len(mono), int(np.ceil(seconds / longest)) + 1).round().astype(int).tolist()
    heard = [(start, stop) for start, stop in pairwise(ends) if _peak(mono[start:stop]) >= LEAST_PEAK]
    return heard, "" if len(heard) == len(ends) - 1 else SILENT


def _unusable(name: str, folder: Path) -> str:
    """Why a file of noise cannot be used; nothing where it can."""
    try:
        wave, _ = read(folder / name)
        return "" if _peak(mix(wave)) >= LEAST_PEAK else SILENT
    except BadAudio as reason:
        return str(reason)


def _peak(wave: np.ndarray) -> float:
    """Of (n,), without its mean."""
    return float(np.abs(wave - wave.mean()).max(initial=0.0))
