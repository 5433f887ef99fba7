"""Turn any folder of clean recordings into an anti-spoofing corpus in the layout of ASVspoof 2019 LA.

Usage:  python -m voxdag.make_la FOLDER OUT [--speaker parent|top|prefix] [--seconds 2 4] [--utterances N] [--seed S]
                                            [--jobs J]
Reads:  FOLDER/**    audio in any format that libsndfile or ffmpeg reads, of any rate and number of channels
Writes: OUT/LA       audio, protocols and ASV scores; read it with corpus asvspoof2019_la, official: false

A speaker is the name of the folder that the file is in, of the first folder below FOLDER (top), or the file name up to
its first '-' or '_' (prefix). 60 % of the speakers are in train, 20 % in dev, 20 % in eval. A third of the utterances
is bona fide.
"""

import argparse
import hashlib
import logging
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voxdag.audio.decode import BadAudio, mix, read_stretch, resample
from voxdag.audio.decode import read as read_audio
from voxdag.core import command, streams
from voxdag.core.alone import alone
from voxdag.core.errors import Refused
from voxdag.core.files import text_of
from voxdag.core.parallel import parallel_map
from voxdag.corpora import listing, material
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.la_layout import SHORTEST, SPARE, Material, Recording, write
from voxdag.corpora.protocols import SPLITS
from voxdag.corpora.readers import asvspoof2019_la
from voxdag.scoring.eer import eer
from voxdag.simulation.equalise import RATE

FRAME_SECONDS = 0.02
PAUSE_FRAMES = 5  # energy is averaged over 0.1 s to find a place to cut
SHARES = {"dev": 0.2, "eval": 0.2}  # of the speakers; train has the rest
SPEAKERS = 2  # at least, in each split
SPOOFS = 2  # per bona fide utterance

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Segment(Recording):
    """A stretch of a file, in the file's own samples."""

    path: Path
    start: int
    stop: int


def speaker_of(path: Path, rule: str) -> str:
    """The speaker that a file's place or name gives (see `material.speaker_of`), without spaces."""
    return "_".join(material.speaker_of(path, rule).split())  # columns of a protocol are separated by spaces


def cut_points(wave: np.ndarray, rate: int, seconds: tuple[float, float]) -> list[tuple[int, int]]:
    """Cut (n,) at its quietest places into stretches from which utterances of `seconds` can be taken.

    A stretch is at most the longest utterance long, with a little to spare, and at least the shortest; a rest that is
    shorter is left out.
    """
    size = round(FRAME_SECONDS * rate)
    power = np.mean(wave[: len(wave) // size * size].reshape(-1, size) ** 2, axis=1)
    power = np.convolve(power, np.ones(PAUSE_FRAMES), mode="same")
    shortest, longest = seconds
    earliest = round(((shortest + longest) / 2 + SPARE) / FRAME_SECONDS)
    latest = max(earliest + 1, round((longest + SPARE) / FRAME_SECONDS))
    stretches, start = [], 0
    while len(power) - start > latest:
        stop = start + earliest + int(np.argmin(power[start + earliest : start + latest]))
        stretches.append((start * size, stop * size))
        start = stop
    if (len(power) - start) * FRAME_SECONDS >= shortest:
        stretches.append((start * size, len(wave)))
    return stretches


def find_segments(folder: Path, rule: str, seconds: tuple[float, float], jobs: int) -> list[Segment]:
    """All segments of all audio below a folder; what cannot be decoded is left out with a warning.

    Raises NotHere or Refused if there is no folder or no audio, and as `material.check_speakers` does.
    """
    paths, left_out = listing.audio_in(folder)
    material.check_speakers((path.relative_to(folder) for path in paths), rule)
    if left_out:
        logger.warning("left out %s", listing.in_words(left_out))
    found = parallel_map(partial(_segments, folder=folder, rule=rule, seconds=seconds), paths, jobs, "files")
    kept: dict[str, Path] = {}  # digest of what a file holds -> the first that holds it
    segments: list[Segment] = []
    for path, read in zip(paths, found, strict=True):
        if isinstance(read, str):
            logger.warning("left out %s: %s", path, read)
        elif (first := kept.setdefault(read.digest, path)) != path:  # another speaker's, in another split
            logger.warning("left out %s: the recording of %s", path, first)
        else:
            segments += read.segments
    return segments


def share_out(segments: Sequence[Segment], utterances: int | None, seed: int) -> dict[str, Material]:
    """Give every speaker to one split, and say how many utterances each split gets (None: all there is material for).

    Raises Refused if there are too few speakers with two segments or more.
    """
    own = {name: [s for s in segments if s.speaker == name] for name in sorted({s.speaker for s in segments})}
    names = [name for name, listed in own.items() if len(listed) > 1]
    if len(names) < len(own):
        logger.warning("left out %d speakers with a single segment", len(own) - len(names))
    if len(names) < SPEAKERS * len(SPLITS):
        raise Refused(
            f"{len(names)} speakers with at least 2 segments ({len(own)} in all), expected at least "
            f"{SPEAKERS * len(SPLITS)}: {SPEAKERS} in each split"
        )
    names = [names[k] for k in streams.generator(seed, "speakers").permutation(len(names))]
    sizes = {split: max(SPEAKERS, round(share * len(names))) for split, share in SHARES.items()}
    bounds = np.cumsum([0, len(names) - sum(sizes.values()), *sizes.values()])
    return {
        split: _material([own[name] for name in names[first:last]], utterances)
        for split, first, last in zip(SPLITS, bounds, bounds[1:], strict=False)
    }


def load(segment: Segment) -> np.ndarray:
    """The segment's samples, mixed down and resampled: (n,) at 16 kHz."""
    wave, rate = read_stretch(segment.path, segment.start, segment.stop)
    return resample(wave.mean(axis=1), rate, RATE)


class _Cut(NamedTuple):
    """The segments of a file, and a digest of its samples."""

    segments: list[Segment]
    digest: str


def _segments(path: Path, folder: Path, rule: str, seconds: tuple[float, float]) -> _Cut | str:
    """The segments of one file, or why it cannot be used."""
    try:
        wave, rate = read_audio(path)
        mono = mix(wave)
    except BadAudio as error:
        return str(error)
    name, speaker = text_of(path.relative_to(folder).as_posix()), speaker_of(path.relative_to(folder), rule)
    stretches = cut_points(mono, rate, seconds)
    digest = hashlib.blake2b(mono.tobytes(), digest_size=16).hexdigest()
    return _Cut([Segment(speaker, f"{name}:{start}", path, start, stop) for start, stop in stretches], digest)


def _material(speakers: list[list[Segment]], utterances: int | None) -> Material:
    """All speakers' segments; for a given number of utterances, those of as few speakers as it takes.

    Few speakers with all that they said, because verification wants several utterances of each.
    """
    reach = np.cumsum([len(segments) - max(1, len(segments) // 3) for segments in speakers])
    if utterances is None:
        bonafide, spoof, count = int(reach[-1]), SPOOFS * int(reach[-1]), len(speakers)
    else:
        bonafide = round(utterances / (1 + SPOOFS))
        spoof, count = utterances - bonafide, max(SPEAKERS, 1 + int(np.searchsorted(reach, bonafide)))
    return Material(tuple(segment for segments in speakers[:count] for segment in segments), bonafide, spoof)


def _overrides(made: asvspoof2019_la.Options) -> list[str]:
    """What makes the corpus that of the anti-spoofing task, as flags of `dvc exp run`."""
    prepare = "tasks.antispoof.prepare"
    corpus = f"{prepare}.corpora.asvspoof2019_la"
    changes = (f"{prepare}.corpus=asvspoof2019_la", f"{corpus}.root={made.root}/LA", f"{corpus}.official=false")
    return [word for change in changes for word in ("-S", shlex.quote(change))]


def _summary(corpus: Corpus) -> str:
    lines = []
    for split, counts in corpus.report["trials"].items():
        total, bonafide = sum(counts.values()), counts.get("bonafide", 0)
        speakers = corpus.report["speakers"][split]
        lines.append(f"{split}: {speakers} speakers, {bonafide} bona fide, {total - bonafide} spoof")
    for split, rows in corpus.tables["asv"].groupby("split"):
        target, nontarget = (rows.loc[rows["key"] == key, "score"] for key in ("target", "nontarget"))
        rate = f"{eer(target, nontarget).eer:.4f}" if len(target) and len(nontarget) else "undefined, no target trial"
        lines.append(f"{split}: ASV EER {rate}")
    return "\n".join(lines)


def _arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voxdag.make_la", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="clean recordings, searched with all folders below")
    parser.add_argument("out", type=Path, help="folder to write LA into")
    parser.add_argument("--speaker", choices=material.SPEAKER_RULES, default="parent", help="what names the speaker")
    parser.add_argument("--seconds", type=float, nargs=2, default=(2.0, 4.0), metavar=("MIN", "MAX"))
    parser.add_argument("--utterances", type=int, help="utterances in each split; all there is material for if absent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, help="processes; default: VOXDAG_JOBS, or one a processor")
    return parser.parse_args(line)


def make(arguments: argparse.Namespace) -> None:
    """Make the corpus and print what is in it.

    Raises Refused for recordings or settings that no corpus can be made of, FileExistsError if OUT/LA is there.
    """
    seconds, jobs = tuple(arguments.seconds), command.jobs() if arguments.jobs is None else arguments.jobs
    if jobs < 1:
        raise Refused(f"--jobs is {jobs}, expected 1 or more")
    if not arguments.folder:
        raise Refused("FOLDER is '': expected a folder of recordings (. for this one)")
    if not SHORTEST <= seconds[0] <= seconds[1] < math.inf:
        raise Refused(f"--seconds is {seconds[0]:g} {seconds[1]:g}, expected {SHORTEST:g} or more, in rising order")
    if (arguments.out / "LA").exists():
        raise FileExistsError(f"{arguments.out / 'LA'} is there already, expected a new folder")
    if arguments.seed < 0:
        raise Refused(f"--seed is {arguments.seed}, expected 0 or more")
    if arguments.utterances is not None and arguments.utterances < 1:
        raise Refused(f"--utterances is {arguments.utterances}, expected 1 or more")
    segments = find_segments(Path(arguments.folder), arguments.speaker, seconds, jobs)
    material = share_out(segments, arguments.utterances, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with alone(arguments.out / "LA"):
        write(arguments.out / "LA", material, load, seconds, arguments.seed, jobs)  # type: ignore[arg-type]
    made = asvspoof2019_la.Options(root=str(arguments.out.resolve()), official=False)
    print(_summary(asvspoof2019_la.read(Path(), made)))
    print(f"Train on it:\n  dvc exp run {' '.join(_overrides(made))}")


def main(line: Sequence[str] | None = None) -> None:
    """Read the command line and make the corpus."""
    arguments = _arguments(line)
    command.guarded(lambda: make(arguments))


if __name__ == "__main__":
    main()
