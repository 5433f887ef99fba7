"""Whole recordings as vectors of functionals, for the baselines of tasks that learn from such."""

from __future__ import annotations

from typing import Any

import numpy as np

from voxdag.audio.acoustic import Acoustic, Extractor
from voxdag.audio.functionals import functionals
from voxdag.core.progress import track
from voxdag.data.shards import PackedTrack
from voxdag.tasks.scoring_loop import padded

FRAMES = {"window_ms": 25.0, "hop_ms": 10.0}
FRONT: dict[str, Any] = {**FRAMES, "low_hz": 20.0, "high_hz": 8000.0, "bands": 64, "deltas": 0, "cmvn": "none"}
KINDS = (Acoustic(kind="mfcc", coefficients=40, **FRONT), Acoustic(kind="log_mel", coefficients=40, **FRONT))


def describe(recordings: PackedTrack, rate: int) -> np.ndarray:
    """(recordings, values): the functionals of each whole recording's MFCC and log-mel, waves at `rate` Hz."""
    extractors, rows = [Extractor(kind, rate) for kind in KINDS], []
    for i in track(range(len(recordings)), "recordings"):
        wave, length = padded([recordings.wave(i)])
        features = (extractor(wave, length)[0][0].numpy() for extractor in extractors)
        rows.append(np.concatenate([functionals(kind) for kind in features]))
    return np.stack(rows)
