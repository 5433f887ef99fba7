"""Folders of clean speech and of noise, in any format: what of them can be used, piece by piece, at one rate."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath

import numpy as np

from voxdag.audio.decode import BadAudio, mix, read, read_stretch, resample
from voxdag.core.errors import Refused
from voxdag.core.files import text_of
from voxdag.core.parallel import parallel_map
from voxdag.corpora.listing import LeftOut, in_words

RATE = 16_000  # Hz
COPY = "a copy of another file"  # it would be heard in another split, as another speaker's or another type
SPEECH = "a copy of a file of speech"
SPEAKER_RULES = ("parent", "top", "prefix")
SHORTEST = 1.0  # s of a piece of speech
LEAST_PEAK = 1e-3  # of full scale: below it a piece holds no speech, a file no noise
SILENT, SHORT = "silent", f"shorter than {SHORTEST:g} s"


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """A stretch of a file of speech, in the file's own samples."""

    path: str
    speaker: str
    start: int
    stop: int


def speaker_of(path: PurePath, rule: str) -> str:
    """The speaker that a file's path below the folder of speech gives: the folder that it lies in (parent), the first
    folder (top), or its name up to the first "-" or "_" (prefix)."""
    prefix = path.stem.replace("_", "-").partition("-")[0]
    return text_of({"parent": path.parent.name or ".", "top": path.parts[0], "prefix": prefix}[rule])


def check_speakers(paths: Iterable[PurePath], rule: str) -> None:
    """Say where folders that files lie in (the rule parent) may be parts of what a speaker said, below one another.

    Raises Refused where they are, as in LibriSpeech: names of files begin with those of folders further up
    (84/121123/84-121123-0000.flac).
    """
    if rule != "parent":
        return
    further_up: dict = {}
    above: set = set()
    for path in paths:
        above.add(path.parent.parent)
        speaker = speaker_of(path, "prefix")
        if speaker in map(text_of, path.parts[:-2]) and speaker != speaker_of(path, rule):
            further_up.setdefault(speaker, path)
    if len(further_up) > 1:
        speaker, path = next(iter(further_up.items()))
        raise Refused(
            f"{text_of(path)}: its name begins with that of the folder {speaker}, of which {speaker_of(path, rule)} is "
            "a part, so one speaker's parts would come into several splits: expected speaker prefix, not parent"
        )
    if len(above) > 1:
        some = ", ".join(sorted(text_of(folder) for folder in above)[:3])
        log.warning(
            "a speaker is the folder that a file lies in, and these lie in %d folders (%s, ...): if those are the "
            "speakers, as in VoxCeleb, say speaker top",
            len(above),
            some,
        )


def pieces(
    folder: Path, root: str, names: Sequence[str], rule: str, longest: float, jobs: int
) -> tuple[list[Piece], LeftOut, frozenset[bytes]]:
    """Files of speech below `root`, by name in `folder`, cut into equal pieces of at most `longest` s, but for silent
    ones.

    rule: of `speaker_of`. Also the files that cannot be used, or of which some is silent, by reason, and digests of
    those that are used. Of files that hold the same samples the first one is.

    Raises Refused where nothing is left, and as `check_speakers` does.
    """
    check_speakers((PurePosixPath(name).relative_to(root) for name in names), rule)
    left_out: LeftOut = {}
    cut = parallel_map(partial(_cut, folder=folder, longest=longest), names, jobs, "files of speech")
    found, known = [], set()
    for name, (audio, stretches, reason) in zip(names, cut, strict=True):
        if stretches and audio in known:
            stretches, reason = [], COPY
        if stretches:
            known.add(audio)
        if reason:
            left_out.setdefault(reason, []).append(name)
        speaker = speaker_of(PurePosixPath(name).relative_to(root), rule)
        found += [Piece(name, speaker, start, stop) for start, stop in stretches]
    if not found:
        raise Refused(f"no file of speech can be used: {in_words(left_out)}")
    return found, left_out, frozenset(known)


def noises(folder: Path, names: Sequence[str], speech: frozenset[bytes], jobs: int) -> tuple[dict[str, str], LeftOut]:
    """File of noise, by name in `folder` -> its type, the folder that it is in; and what cannot be used, by reason.

    Of files that hold the same samples the first one is used; none that holds those of a file of speech (digests).

    Raises Refused where nothing is left.
    """
    left_out: LeftOut = {}
    heard = parallel_map(partial(_heard, folder=folder), names, jobs, "files of noise")
    found, known = {}, set()
    for name, (audio, reason) in zip(names, heard, strict=True):
        if not reason:
            reason = SPEECH if audio in speech else COPY if audio in known else ""
        if reason:
            left_out.setdefault(reason, []).append(name)
        else:
            known.add(audio)
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


def _cut(name: str, folder: Path, longest: float) -> tuple[bytes, list[tuple[int, int]], str]:
    """A digest of a file, its stretches that hold speech, and why it, or some of it, cannot be used."""
    try:
        wave, rate = read(folder / name)
        mono = mix(wave)
    except BadAudio as reason:
        return b"", [], str(reason)
    seconds = len(mono) / rate
    if seconds < SHORTEST:
        return b"", [], SHORT
    ends = np.linspace(0, len(mono), int(np.ceil(seconds / longest)) + 1).round().astype(int).tolist()
    heard = [(start, stop) for start, stop in pairwise(ends) if _peak(mono[start:stop]) >= LEAST_PEAK]
    return _digest(mono), heard, "" if len(heard) == len(ends) - 1 else SILENT


def _heard(name: str, folder: Path) -> tuple[bytes, str]:
    """A digest of a file of noise, and why it cannot be used; nothing where it can."""
    try:
        mono = mix(read(folder / name)[0])
    except BadAudio as reason:
        return b"", str(reason)
    return _digest(mono), "" if _peak(mono) >= LEAST_PEAK else SILENT


def _digest(wave: np.ndarray) -> bytes:
    return hashlib.blake2b(wave.tobytes(), digest_size=16).digest()


def _peak(wave: np.ndarray) -> float:
    """Of (n,), without its mean."""
    return float(np.abs(wave - wave.mean()).max(initial=0.0))
