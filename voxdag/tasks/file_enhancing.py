"""Enhancing files of any rate, number of channels and length, with the networks of a system whose outputs are waves.

    file -> stretches that overlap -> each channel for itself: resampled to the networks' rate, 16 bits, enhanced (the
    mean over members), resampled back -> faded into one another -> file of the same rate, channels and length

So what lies above half the networks' rate is not in the output. A stretch is in memory at a time, but for formats that
cannot be read in parts (see `decode.Frames`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile
import torch
from torch import nn

from voxdag.audio.decode import BadAudio, Frames, resample, to_int16
from voxdag.core.errors import Refused
from voxdag.core.files import apart, text_of, writing
from voxdag.core.params import Run
from voxdag.tasks.file_pool import FileRows, Job
from voxdag.tasks.opened import opened
from voxdag.tasks.scoring_loop import NotFinite
from voxdag.tasks.sources import Source

FORMATS = {".wav": "WAV", ".flac": "FLAC"}  # of outputs, in 16 bits
STRETCH, OVERLAP = 60, 1  # seconds: of a file at once, and in which one stretch fades into the next
MAX_BEYOND = 0.01  # share of a stretch's samples that may lie beyond full scale, as in features: more is another scale
COLUMNS = ("path", "seconds", "rate", "channels", "enhanced", "clipped")


@dataclass(frozen=True)
class Enhancer:
    """The networks of a system's members; what they make of a wave is their mean."""

    networks: Sequence[nn.Module]
    inference: ModuleType
    settings: object
    device: torch.device

    def __call__(self, frames: np.ndarray, rate: int) -> np.ndarray:
        """Enhance (n, channels) at `rate` Hz, full scale at 1: -> (n, channels). Raises NotFinite."""
        recordings = [to_int16(resample(channel, rate, self.inference.RATE))[0] for channel in frames.T]
        by_network = (
            list(self.inference.enhance(network, recordings, self.settings, self.device)) for network in self.networks
        )
        made = np.mean(list(by_network), axis=0, dtype=np.float64)  # (channels, m)
        return np.stack([resample(wave, self.inference.RATE, rate)[: len(frames)] for wave in made], axis=1)  # type: ignore[union-attr]

    def stretches(self, frames: Frames) -> Iterator[np.ndarray]:
        """What is made of a file, piece by piece: (m, channels), as many frames as it has. Raises as `__call__`, and
        BadAudio."""
        total, overlap = len(frames), OVERLAP * frames.rate
        rise = ((np.arange(overlap) + 0.5) / overlap)[:, None]
        before = None
        for start in range(0, total, (STRETCH - OVERLAP) * frames.rate):
            stop = min(start + STRETCH * frames.rate, total)
            made = self(_on_scale(frames.read(start, stop)), frames.rate)
            if before is not None:
                made[:overlap] = before * (1 - rise) + made[:overlap] * rise
            if stop == total:
                yield made
                return
            yield made[:-overlap]
            before = made[-overlap:]

    def file(self, path: Path, out: Path) -> dict[str, object]:
        """Enhance a file; gives its row (COLUMNS), or path and error.

        clipped: samples of the output beyond full scale. Raises Refused for an output that is a file that is enhanced.
        """
        row: dict[str, object] = {"path": text_of(path)}
        try:
            with Frames(path) as frames:
                row |= {"seconds": len(frames) / frames.rate, "rate": frames.rate, "channels": frames.channels}
                return row | {"clipped": write(out, frames, self.stretches(frames)), "enhanced": text_of(out)}
        except (BadAudio, NotFinite, soundfile.LibsndfileError) as reason:
            return row | {"error": str(reason)}
        except MemoryError:
            return row | {"error": "asks for more memory than there is"}


@dataclass(frozen=True)
class EnhancedRows:
    """Rows of what an enhancer makes of files."""

    enhancer: Enhancer
    system: str
    weights: str

    @property
    def hearing(self) -> None:
        """None: files are decoded as they are enhanced, stretch by stretch."""
        return None

    @property
    def header(self) -> list[str]:
        """The columns of rows."""
        return [*COLUMNS, "system", "weights", "error"]

    @property
    def device(self) -> torch.device:
        """Where networks are."""
        return self.enhancer.device

    def __call__(self, jobs: Sequence[Job], heard: Iterable | None = None) -> Iterator[FileRows]:
        """Enhance each file into the place that its job names."""
        for path, out in jobs:
            assert out is not None
            row = self.enhancer.file(path, out) | {"system": self.system, "weights": self.weights}
            seconds = row.get("seconds")
            yield FileRows(path, [row], seconds if isinstance(seconds, float) else 0.0, "error" in row)


@dataclass(frozen=True)
class Enhancing:
    """How files are enhanced. It travels to processes."""

    found: Source
    run: Run

    def with_run(self, run: Run) -> Enhancing:
        """See `file_pool.Work`."""
        return replace(self, run=run)

    def open(self) -> EnhancedRows:
        """Read the networks. Raises Refused as `opened` does, and for a task whose outputs are no audio."""
        there, name = opened(self.found, self.run), self.found.name
        if not hasattr(there.inference, "enhance"):
            raise Refused(f"-o is given, but what {name} says is no audio: it is of the task {self.found.scoring.task}")
        enhancer = Enhancer(there.networks, there.inference, there.settings, there.device)
        return EnhancedRows(enhancer, name, "+".join(there.hashes))


def _on_scale(wave: np.ndarray) -> np.ndarray:
    """The wave (n, channels). Raises BadAudio for one that is no audio with full scale at 1."""
    share = float(np.mean(np.abs(wave) > 1)) if wave.size else 0.0
    if share > MAX_BEYOND:
        raise BadAudio(
            f"{100 * share:.1f} % of the samples lie beyond full scale: peak {np.abs(wave).max():.3g}, where 1 is full "
            "scale"
        )
    return wave


def write(out: Path, frames: Frames, stretches: Iterator[np.ndarray]) -> int:
    """Write pieces (m, channels) to a file whole, in 16 bits, as they come; gives how many samples were clipped."""
    clipped = 0
    with writing(out) as file:
        kind = {"format": FORMATS[out.suffix.lower()], "subtype": "PCM_16"}
        with soundfile.SoundFile(file.name, "w", frames.rate, frames.channels, **kind) as audio:
            for stretch in stretches:
                channels, beyond = zip(*map(to_int16, stretch.T), strict=True)
                audio.write(np.stack(channels, axis=1))
                clipped += sum(beyond)
    return clipped


def places(files: Sequence[Path], folder: Path, ending: str) -> dict[Path, Path]:
    """A name in `folder` for what is made of each file, below the folders that tell the files apart.

    Files that differ in their endings alone keep those in front of the new one, as do those whose names would be one.
    A `..` in a path leads to no place outside.
    """
    plain = {file: Path(os.path.normpath(file.absolute())) for file in files}
    below = apart(list(plain.values()))
    kept: set[Path] = set()  # files that keep their ending
    while True:
        names = {path: f"{path}{ending}" if path in kept else str(path.with_suffix(ending)) for path in below.values()}
        counts = Counter(names.values())
        more = {path for path, name in names.items() if counts[name] > 1} - kept
        if not more:
            return {file: folder / names[below[plain[file]]] for file in files}
        kept |= more


def outputs(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each file's output goes: `out` itself where it names a file, else into the folder `out`, as WAV files below
    the folders that tell the files apart.

    Raises Refused for several files and one name, for a name that is of no format that is written, and for an output
    that is one of the files.
    """
    into_folder = out.is_dir() or not out.suffix
    if not into_folder and out.suffix.lower() not in FORMATS:
        raise Refused(f"-o is {out}: expected a folder, or a name that ends in {', '.join(FORMATS)}")
    if not into_folder and len(files) != 1:
        raise Refused(f"-o is {out}, one file, for {len(files)}: expected a folder")
    names = places(files, out, ".wav") if into_folder else dict.fromkeys(files, out)
    heard = {file.resolve() for file in files}
    own = [name for name in names.values() if name.resolve() in heard]
    if own:
        raise Refused(f"the output {text_of(own[0])} is one of the files to enhance: name another place")
    return names
