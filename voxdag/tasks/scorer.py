"""What a system says of files: each is decoded, cut into segments where it is long, scored, and pooled over these.

file -> recording (decoded, through the front end) -> segments -> outputs of each, the mean over the members
     -> one row: pooled over the segments, and decided
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_numeric_dtype
from torch import nn

from voxdag.audio.decode import BadAudio, decode
from voxdag.audio.segments import even_starts
from voxdag.audio.vad import Segments
from voxdag.core.errors import Refused
from voxdag.data.recordings import Features, through_front_end
from voxdag.networks.denoisers import denoiser
from voxdag.tasks.scoring_loop import NotFinite

POOLS = ("mean", "first", "min")  # over the segments of a file
EXPECTED = "expected_"  # how columns of a decision begin that say what dev lets expect
WHOLE_SECONDS = 30.0  # at most, of a segment for a network that hears all of it, where the front end has no limit

Decide = Callable[[pd.DataFrame], pd.DataFrame]  # outputs, one row per recording -> what is decided
Calibrate = Callable[[pd.DataFrame], pd.DataFrame]  # outputs of one member -> the same with further columns


@dataclass(frozen=True)
class Heard:
    """A file after decoding and the front end.

    samples (n,) int16    starts, window: of its segments, in samples
    seconds               of the file
    stretches             of the decoded file, those that the samples are, one after the other
    """

    samples: np.ndarray
    starts: list[int]
    window: int
    rate: int
    seconds: float
    stretches: Segments

    def segments(self) -> list[np.ndarray]:
        """The samples of each."""
        return [self.samples[start : start + self.window] for start in self.starts]

    def spans(self) -> list[tuple[float, float]]:
        """The begin and end of each in the file, in seconds."""
        ends = [min(start + self.window, len(self.samples)) for start in self.starts]
        pairs = zip(self.starts, ends, strict=True)
        return [(self._place(start) / self.rate, (self._place(end - 1) + 1) / self.rate) for start, end in pairs]

    def _place(self, sample: int) -> int:
        """Where in the decoded file a sample lies."""
        firsts = np.cumsum([0, *(end - start for start, end in self.stretches)])
        stretch = np.searchsorted(firsts[1:-1], sample, side="right")
        return int(self.stretches[stretch][0] + sample - firsts[stretch])

    @property
    def in_part(self) -> bool:
        """Whether samples are in no segment."""
        return self.starts[-1] + self.window < len(self.samples)

    @property
    def used(self) -> float:
        """The share of the file that is in a segment."""
        covered = np.zeros(len(self.samples), dtype=bool)
        for start in self.starts:
            covered[start : start + self.window] = True
        return min(1.0, float(covered.sum()) / self.rate / self.seconds)


@dataclass(frozen=True)
class Said:
    """What is said of a file: the pooled outputs and the decision, and those of each segment; or an error alone."""

    path: Path
    heard: Heard | None = None
    pooled: dict | None = None
    segments: tuple[dict, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Hearing:
    """How a file becomes what networks take. It travels to other processes.

    window      samples of a segment
    first_only  whether the first segment alone is taken
    """

    features: Features
    window: int
    first_only: bool

    def hear(self, path: Path) -> Heard:
        """The file's samples at the system's rate, through its front end. Raises BadAudio."""
        audio, rate = decode(path, self.features.decoding), self.features.decoding.rate
        recording = through_front_end(audio, self.features, denoiser(self.features))
        starts = even_starts(len(recording.samples), self.window)
        chosen = starts[:1] if self.first_only else starts
        return Heard(recording.samples, chosen, self.window, rate, len(audio.samples) / rate, recording.stretches)

    def __call__(self, path: Path) -> Heard | Said:
        """The same, or why it cannot be."""
        try:
            return self.hear(path)
        except BadAudio as reason:
            return Said(path, error=str(reason))
        except MemoryError:
            return Said(path, error="asks for more memory than there is")


class Scorer:
    """The networks of a system's members, and how its task scores files with them on a device: their mean.

    pool       how the segments of a file become one row: mean, as over members; first: the first alone is scored, as
               evaluate and the published programs do; min: the lowest of each output
    decide     what the outputs lead to; None: nothing is decided
    calibrate  of each network, in their order; none: outputs are as they are
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        inference: ModuleType,
        settings: Any,
        features: Features,
        device: torch.device,
        pool: str = "mean",
        decide: Decide | None = None,
        calibrate: Sequence[Calibrate] = (),
    ):
        if pool not in POOLS:
            raise Refused(f"pool is {pool!r}, expected one of {', '.join(POOLS)}")
        self.networks = [network.to(device) for network in networks]
        self.inference, self.settings, self.device = inference, settings, device
        self.pool, self.decide, self.calibrate = pool, decide, calibrate
        self.hearing = Hearing(without_limit(features), self._window(features), pool == "first")
        denoiser(self.hearing.features)  # what is not on disk is missed now

    def said(self, paths: Sequence[Path], heard: Iterable[Heard | Said] | None = None) -> Iterator[Said]:
        """What is said of each file, in order; files of about a batch of segments are in memory at a time.

        heard: of each file, where others hear them (`hearing`).
        """
        waiting: list[Heard | Said] = []
        sources: list[Path] = []
        for path, one in zip(paths, map(self.hearing, paths) if heard is None else heard, strict=True):
            sources.append(path)
            waiting.append(one)
            if sum(len(one.starts) for one in waiting if isinstance(one, Heard)) >= self.settings.batch_size:
                yield from self._say(sources, waiting)
                waiting, sources = [], []
        yield from self._say(sources, waiting)

    def outputs(self, recordings: list[np.ndarray]) -> pd.DataFrame:
        """One row per recording: what the members say of it, on the average."""
        tables = [self.inference.outputs(network, recordings, self.settings, self.device) for network in self.networks]
        if self.calibrate:
            tables = [calibrate(table) for calibrate, table in zip(self.calibrate, tables, strict=True)]
        return tables[0] if len(tables) == 1 else self.inference.average(tables)

    def pooled(self, segments: pd.DataFrame) -> pd.DataFrame:
        """One row of the rows of a file's segments. Raises Refused for the lowest of what is no number."""
        text = [name for name, values in segments.items() if not is_numeric_dtype(values)]
        if self.pool == "min" and text:
            raise Refused(f"pool is min, but {text[0]} is no number: expected mean or first")
        if len(segments) == 1:
            return segments.reset_index(drop=True)
        if self.pool == "min":
            return segments.min().to_frame().T
        return self.inference.average([segments.iloc[[i]].reset_index(drop=True) for i in range(len(segments))])

    def _window(self, features: Features) -> int:
        if self.inference.CROPS:
            return self.settings.samples
        limit = features.front_end.max_seconds if features.front_end is not None else None
        return round((limit or WHOLE_SECONDS) * features.decoding.rate)

    def _say(self, paths: list[Path], waiting: list[Heard | Said]) -> Iterator[Said]:
        heard = [(path, one) for path, one in zip(paths, waiting, strict=True) if isinstance(one, Heard)]
        try:
            said = iter(self._score(heard))
        except NotFinite:  # of one file: the others have outputs
            said = iter([self._score_alone(*one) for one in heard])
        for one in waiting:
            yield one if isinstance(one, Said) else next(said)

    def _score_alone(self, path: Path, heard: Heard) -> Said:
        try:
            return self._score([(path, heard)])[0]
        except NotFinite as reason:
            return Said(path, heard, error=str(reason))

    def _score(self, heard: list[tuple[Path, Heard]]) -> list[Said]:
        if not heard:
            return []
        table = self.outputs([segment for _, one in heard for segment in one.segments()])
        ends = np.cumsum([len(one.starts) for _, one in heard])
        of_files = [table.iloc[end - len(one.starts) : end] for (_, one), end in zip(heard, ends, strict=True)]
        pooled = self._rows(pd.concat([self.pooled(rows) for rows in of_files], ignore_index=True))
        for (_, one), row in zip(heard, pooled, strict=True):
            if len(one.starts) > 1:  # dev was scored by one segment a file
                row.update({name: math.nan for name in row if name.startswith(EXPECTED)})
        each = (tuple(self._rows(rows.reset_index(drop=True))) for rows in of_files)
        return [Said(path, one, row, of) for (path, one), row, of in zip(heard, pooled, each, strict=True)]

    def _rows(self, outputs: pd.DataFrame) -> list[dict]:
        decided = outputs if self.decide is None else pd.concat([outputs, self.decide(outputs)], axis=1)
        return decided.to_dict("records")


def without_limit(features: Features) -> Features:
    """The features for files of any length: longer ones are cut into segments, not refused."""
    if features.front_end is None:
        return features
    return replace(features, front_end=replace(features.front_end, max_seconds=None))
