"""What a system says of the files of a request: rows as `voxdag.predict` has them, and what its task shows of one file.

Networks work in one thread of this process, one request after the other: the number of threads that torch computes with
is a thread's own setting, and it decides in which digits sums end.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile
import torch

from voxdag.audio.decode import INT16_SCALE, Frames, to_int16
from voxdag.core import runtime
from voxdag.core.errors import Refused
from voxdag.serving.limits import Budget, TooLong
from voxdag.serving.offered import Networks, Offered
from voxdag.tasks.file_enhancing import EnhancedRows
from voxdag.tasks.predictor import Predictor
from voxdag.tasks.scorer import Heard
from voxdag.tasks.shown import Enhanced, Scored, Shown

log = logging.getLogger(__name__)

HOPS, MOST = 16, 48  # windows along a recording: per window length, and in all
WARM_SECONDS = 5.0  # of noise, that each system hears when the page starts
WARM_RATE = 16_000  # Hz
BROKEN = "the server failed on this file; its log says how"


@dataclass(frozen=True)
class Upload:
    """A file as it was uploaded, and the name that it had."""

    path: Path
    name: str


@dataclass(frozen=True)
class OfFile:
    """What is said of a file.

    row, segments  as `voxdag.predict` has them, the path as the name that the file had
    shown          what its task shows of it; None: it has no output, or is one of several
    audio          what can be listened to: a word for each, the bytes of a FLAC file
    """

    name: str
    row: dict
    segments: list[dict] = field(default_factory=list)
    shown: Shown | None = None
    audio: dict[str, bytes] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """Why it has no output; "": it has one."""
        return self.row.get("error", "")


@dataclass(frozen=True)
class Answer:
    """What a system says of the files of a request. columns: of rows, and of the rows of segments."""

    offered: Offered
    columns: Sequence[str]
    segment_columns: Sequence[str]
    files: Sequence[OfFile]


class Desk:
    """Systems that are open, and the thread that works for them. Raises Refused where none can be opened.

    folder: where audio is written that is read back at once
    """

    def __init__(self, offered: Iterable[Offered], folder: Path):
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "networks")
        self._open: dict[str, tuple[Offered, Networks]] = {}
        for one in offered:
            try:
                self._open[one.name] = (one, self._thread.submit(one.open).result())
            except Refused as reason:
                refused = reason
                log.warning("not offered: %s: %s", one.name, reason)
        if not self._open:
            raise Refused(f"no system can be offered: {refused}")

    @property
    def offered(self) -> list[Offered]:
        """The systems, in their order."""
        return [one for one, _ in self._open.values()]

    def warm(self, path: Path) -> None:
        """Let each system work on a file of noise, so that the first request finds all packages loaded."""
        noise = np.random.default_rng(0).normal(0, 0.05, round(WARM_SECONDS * WARM_RATE)).clip(-1, 1)
        soundfile.write(path, noise, WARM_RATE, format="WAV", subtype="PCM_16")
        for name in self._open:
            self.answer(name, [Upload(path, "noise")], None)

    def answer(self, name: str, uploads: Sequence[Upload], budget: Budget | None) -> Answer:
        """What a system says of files. budget: of audio, None: any; it may be used up. Raises Refused for a system that
        is not offered."""
        if name not in self._open:
            raise Refused(f"{name} is not offered here; offered are {', '.join(self._open)}")
        return self._thread.submit(self._answer, *self._open[name], uploads, budget).result()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(cancel_futures=True)

    def _answer(self, offered: Offered, worker: Networks, uploads: Sequence[Upload], budget: Budget | None) -> Answer:
        runtime.setup(offered.work.run)
        page, folder = offered.page, self._folder
        says = OfWaves(worker, page, folder) if isinstance(worker, EnhancedRows) else OfRows(worker, page, folder)
        alone = len(uploads) == 1
        files = [_guarded(one, worker, says, budget, alone) for one in uploads]
        return Answer(offered, says.columns, says.segment_columns, files)


Says = Callable[[Upload, bool], OfFile]


def _guarded(upload: Upload, worker: Networks, says: Says, budget: Budget | None, alone: bool) -> OfFile:
    """What is said of a file, or why nothing is. A bug is one file's, and the log has it."""
    try:
        if budget is not None:
            budget.take(upload.path)
        return says(upload, alone)
    except TooLong as reason:
        error = str(reason)
    except MemoryError:
        error = "asks for more memory than there is"
    except Exception:
        log.exception("%s failed on a file", worker.system)
        error = BROKEN
    row = {"path": upload.name, "system": worker.system, "weights": worker.weights, "error": error}
    return OfFile(upload.name, row)


class OfRows:
    """Of a task whose outputs are rows."""

    def __init__(self, predictor: Predictor, page: ModuleType, folder: Path):
        self.predictor, self.page = predictor, page
        self.columns = predictor.header
        self.segment_columns = self._by_segment().header

    @torch.inference_mode()
    def __call__(self, upload: Upload, alone: bool) -> OfFile:
        """What is said of a file; shown where it is alone."""
        (said,) = self.predictor.scorer.said([upload.path])
        (row,) = _named(self.predictor.rows(said), upload)
        heard = said.heard
        if heard is None or said.pooled is None:
            return OfFile(upload.name, row)
        segments = list(_named(self._by_segment().rows(said), upload))
        if not alone:
            return OfFile(upload.name, row, segments)
        shown = self.page.shown(self._scored(heard, row, said.segments))
        audio = {"What the system heard": flac(heard.samples[:, None] / INT16_SCALE, heard.rate)}
        return OfFile(upload.name, row, segments, shown, audio)

    def _by_segment(self) -> Predictor:
        own = self.predictor
        return Predictor(own.scorer, own.columns, own.system, own.weights, by_segment=True)

    def _scored(self, heard: Heard, row: dict, segments: Sequence[dict]) -> Scored:
        times, along = self.predictor.along(heard, HOPS, MOST)
        window = min(self.predictor.scorer.settings.samples, len(heard.samples)) / heard.rate
        return Scored(heard, row, segments, times, along, window)


class OfWaves:
    """Of a task whose outputs are audio."""

    segment_columns = ()

    def __init__(self, rows: EnhancedRows, page: ModuleType, folder: Path):
        self.rows, self.page, self.folder = rows, page, folder
        at = rows.header.index("system")
        self.columns = [*rows.header[:at], *page.MEASURED, *rows.header[at:]]

    @torch.inference_mode()
    def __call__(self, upload: Upload, alone: bool) -> OfFile:
        """What is made of a file; shown where it is alone."""
        out = self.folder / f"{upload.path.parent.name}.flac"
        try:
            ((row,),) = (made.rows for made in self.rows([(upload.path, out)]))
            (row,) = _named([row], upload)
            if "error" in row:
                return OfFile(upload.name, row)
            after, content = soundfile.read(out, always_2d=True)[0], out.read_bytes()
        finally:
            out.unlink(missing_ok=True)
        with Frames(upload.path) as frames:
            before, rate = frames.read(0, len(frames)), frames.rate
        row |= {"enhanced": f"{Path(upload.name).stem}.flac"} | self.page.measured(before, after, rate)
        audio = {"Before": flac(before, rate), "After": content} if alone else {"After": content}
        shown = self.page.shown(Enhanced(row, before, after, rate)) if alone else None
        return OfFile(upload.name, row, [], shown, audio)


def flac(wave: np.ndarray, rate: int) -> bytes:
    """A wave (n, channels), full scale at 1, as a FLAC file of 16 bits."""
    file, samples = io.BytesIO(), np.stack([to_int16(channel)[0] for channel in wave.T], axis=1)
    soundfile.write(file, samples, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _named(rows: Iterable[dict], upload: Upload) -> Iterator[dict]:
    """The rows by the name that the file had, and not by where it lies now."""
    return (row | {"path": upload.name} for row in rows)
