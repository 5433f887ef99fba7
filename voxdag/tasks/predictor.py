"""Rows of what a system says of files: its outputs, calibrated and decided as dev fitted it, and pictures.

`Scoring` says how, and travels to processes; opened there it is a `Predictor`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch

from voxdag.audio.decode import INT16_SCALE
from voxdag.core.errors import Refused
from voxdag.core.files import text_of
from voxdag.core.modules import load_optional
from voxdag.core.params import Run
from voxdag.data import layout
from voxdag.tasks import decisions
from voxdag.tasks.file_pool import FileRows, Job
from voxdag.tasks.opened import hashes, opened
from voxdag.tasks.scorer import Calibrate, Heard, Hearing, Said, Scorer
from voxdag.tasks.sources import Source

log = logging.getLogger(__name__)

PLOT_HOPS = 4  # scores per window length along a recording
TITLE_CHARACTERS = 60  # of a file's name above its picture


@dataclass(frozen=True)
class Predictor:
    """A scorer, and what stands beside its outputs in every row.

    columns: outputs, calibrated ones, decisions; by_segment: whether a row is of a segment
    """

    scorer: Scorer
    columns: tuple[str, ...]
    system: str
    weights: str
    by_segment: bool

    @property
    def header(self) -> list[str]:
        """The columns of rows."""
        places = ["start", "end"] if self.by_segment else ["used", "segments", "pool"]
        return ["path", "seconds", *places, *self.columns, "system", "weights", "error"]

    @property
    def device(self) -> torch.device:
        """Where networks are."""
        return self.scorer.device

    @property
    def hearing(self) -> Hearing:
        """What hears files."""
        return self.scorer.hearing

    @torch.inference_mode()
    def __call__(self, jobs: Sequence[Job], heard: Iterable[Heard | Said] | None = None) -> Iterator[FileRows]:
        """The rows of files, in order; drawn where a job says so. heard: see `Scorer.said`."""
        for said, (path, picture) in zip(self.scorer.said([path for path, _ in jobs], heard), jobs, strict=True):
            if picture is not None:
                self.plot(said, picture)
            seconds, in_part = (said.heard.seconds, said.heard.in_part) if said.heard is not None else (0.0, False)
            yield FileRows(path, list(self.rows(said)), seconds, said.pooled is None, in_part)

    def rows(self, said: Said) -> Iterator[dict]:
        """The rows of a file: one, or one for each segment; those without a value of a column lack it."""
        own: dict = {"path": text_of(said.path), "system": self.system, "weights": self.weights, "error": said.error}
        if said.heard is not None:
            own["seconds"] = said.heard.seconds
        if said.heard is None or said.pooled is None:
            yield own
        elif self.by_segment:
            for (start, end), outputs in zip(said.heard.spans(), said.segments, strict=True):
                yield own | {"start": start, "end": end} | outputs
        else:
            count = len(said.heard.starts)
            yield own | {"used": said.heard.used, "segments": count, "pool": self.scorer.pool} | said.pooled

    def along(self, heard: Heard, hops: int = PLOT_HOPS, most: int | None = None) -> tuple[np.ndarray, pd.DataFrame]:
        """The outputs along a recording: (K,) the centres in seconds of windows of one length, and a row of each.

        hops: windows per window length, fewer where there would be more than `most` of them.
        """
        samples, window = heard.samples, self.scorer.settings.samples
        spare = max(len(samples) - window, 0)
        hop = max(window // hops, 1, -(-spare // (most - 1)) if most else 1)
        starts = np.arange(0, spare + 1, hop)
        table = self.scorer.outputs([samples[start : start + window] for start in starts])
        return (starts + min(window, len(samples)) / 2) / heard.rate, table

    def plot(self, said: Said, picture: Path) -> None:
        """Draw waveform, spectrogram and the output along the recording, with what is said of the whole; nothing of a
        file without an output."""
        heard, pooled, inference = said.heard, said.pooled, self.scorer.inference
        if heard is None or pooled is None:
            return
        from voxdag.figures import png, waveform  # a second to import, and most have no use for it

        centres, table = self.along(heard)
        known = {name: label for name, label in inference.DRAWN.items() if table[name].notna().any()}
        drawn = {label: table[name].to_numpy() for name, label in known.items()}
        axis, threshold = inference.DRAWN_AXIS, pooled.get("threshold")
        figure = waveform.figure(heard.samples / INT16_SCALE, heard.rate, centres, drawn, axis, threshold)
        figure.axes[0].set_title(self._title(said.path, pooled), fontsize=6, loc="left", parse_math=False)
        png.save_png(figure, picture)

    def _title(self, path: Path, pooled: Mapping[str, Any]) -> str:
        first = self.scorer.inference.OUTPUTS[0]
        value, decision = pooled[first], pooled.get("decision")
        values = [f"{first} {value:.3f}" if isinstance(value, float) else f"{first} {value}"]
        values += [f"decision {decision}"] if decision not in (None, value) else []
        name = text_of(Path(path.name))
        short = name if len(name) <= TITLE_CHARACTERS else f"…{name[1 - TITLE_CHARACTERS :]}"
        return f"{short}: {', '.join(values)}\n{self.system}, weights {self.weights}"


@dataclass(frozen=True)
class Scoring:
    """How files are scored.

    fitted  what dev fitted for decisions with these weights, a row a member, or a threshold alone; None: nothing
    """

    found: Source
    run: Run
    pool: str
    fitted: pd.DataFrame | None
    by_segment: bool

    def with_run(self, run: Run) -> Scoring:
        """See `file_pool.Work`."""
        return replace(self, run=run)

    def open(self) -> Predictor:
        """Read the networks. Raises Refused as `opened` does."""
        there, task = opened(self.found, self.run), self.found.scoring.task
        decision = load_optional("voxdag.tasks.{task}.decision", task=task)
        decide = None if decision is None or self.fitted is None else partial(decision.decide, fitted=self.fitted)
        calibrate = _calibrate(decision, self.fitted, there.hashes)
        scorer = Scorer(
            there.networks, there.inference, there.settings, there.features, there.device, self.pool, decide, calibrate
        )
        of_decision = (*getattr(decision, "CALIBRATED", ()), *decision.DECIDED) if decision is not None else ()
        columns = tuple(dict.fromkeys((*there.inference.OUTPUTS, *of_decision)))
        return Predictor(scorer, columns, self.found.name, "+".join(there.hashes), self.by_segment)


def _calibrate(decision: ModuleType | None, fitted: pd.DataFrame | None, weights: list[str]) -> list[Calibrate]:
    """Of each weights file what calibrates its outputs; none where nothing was fitted, or can be."""
    if decision is None or fitted is None or decisions.WEIGHTS not in fitted or not hasattr(decision, "calibrated"):
        return []
    rows = fitted.set_index(decisions.WEIGHTS)
    return [partial(decision.calibrated, fitted=rows.loc[name]) for name in weights]


@dataclass(frozen=True)
class Asked:
    """What a command line says of decisions.

    threshold  in place of what dev chose     prior   of the first class of the task's decision (bona fide speech)
    path       a table of what dev fitted; None: that of evaluate
    preset     that says how weights of others score
    """

    threshold: float | None = None
    prior: float | None = None
    path: Path | None = None
    preset: str | None = None


def fitted(found: Source, asked: Asked) -> pd.DataFrame | None:
    """What decisions with these weights need; None, with a word why, where there is nothing.

    Raises Refused for a threshold or a prior that the task has no use for, or that is none, and for a table that is
    named and holds nothing for these weights.
    """
    decision = load_optional("voxdag.tasks.{task}.decision", task=found.scoring.task)
    _check(found, decision, asked)
    if decision is None:
        return None
    if asked.threshold is not None:
        return pd.DataFrame({"threshold": [asked.threshold]})
    table = _of_dev(found, decision, asked)
    return table if table is None or asked.prior is None else table.assign(prior=asked.prior)


def _check(found: Source, decision: ModuleType | None, asked: Asked) -> None:
    task, takes = found.scoring.task, getattr(decision, "FITTED", {})
    if asked.threshold is not None and ("threshold" not in takes or not math.isfinite(asked.threshold)):
        raise Refused(f"--threshold is {asked.threshold}: decisions of {task} take no such number")
    if asked.prior is None:
        return
    if not hasattr(decision, "calibrated"):
        raise Refused(f"--prior is {asked.prior}: scores of {task} are not calibrated by one")
    if not 0 < asked.prior < 1:
        raise Refused(f"--prior is {asked.prior}, expected between 0 and 1: the share of bona fide recordings")
    if asked.threshold is not None:
        raise Refused("--prior and --threshold are both given: what calibrates scores is that of dev's threshold")


def _of_dev(found: Source, decision: ModuleType, asked: Asked) -> pd.DataFrame | None:
    path, weights = asked.path or layout.decisions(found.name), hashes(found)
    if asked.path is None and not path.is_file():
        log.info("nothing is decided: no %s (evaluate writes it); --decisions names another, or --threshold", path)
        return None
    table = decisions.of_weights(decisions.read(path, decision), weights, found.scoring.inference)
    if table is not None:
        return table
    said = f"{path} holds nothing that was fitted for weights {'+'.join(weights)} under these settings of inference"
    fits = f"`dvc repro evaluate@{found.name}` fits it"
    if asked.preset is not None:
        fits = f"--threshold decides, and `python -m voxdag.preset {asked.preset} --run --temp` measures them"
    if asked.path is not None:
        raise Refused(f"{said}; {fits}")
    log.warning("nothing is decided: %s; %s", said, fits)
    return None
