"""Functionals: a recording of any length as one vector, for classifiers without a notion of time (SVM, ridge)."""

from __future__ import annotations

import numpy as np
import torch
from torchaudio.functional import compute_deltas

from voxdag.audio.pitch import track_pitch
from voxdag.audio.spectra import frame
from voxdag.core.errors import Refused

STATISTICS = ("mean", "std", "p10", "p90")
PITCH_RANGE = (60.0, 500.0)  # Hz; angry and fearful voices go beyond the 400 Hz of calm speech
PROSODY_HOP = 0.01  # seconds
LEVEL_FLOOR = 1e-10  # mean square added before the log: -100 dB re full scale


def functionals(features: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, 10th and 90th percentile of feature rows and of their deltas: (F, T) -> (8F,).

    In the order [static mean (F), static std (F), p10, p90, delta mean, ...], all over a recording's frames; deltas are
    regressions over five frames, the end frames held. As in the functional sets of openSMILE (Eyben et al. 2010), of
    which it is a small part.

    Raises Refused if there is no frame or a value is not finite.
    """
    if features.ndim != 2 or features.shape[1] == 0:
        raise Refused(f"features are {features.shape}, expected (rows, frames) with a frame at least")
    if not np.isfinite(features).all():
        raise Refused(f"{np.count_nonzero(~np.isfinite(features))} feature values are not finite")
    delta = compute_deltas(torch.tensor(features)[None])[0].numpy()  # torch.tensor copies: an array may be read-only
    return np.concatenate([_statistics(features), _statistics(delta)])


def names(rows: list[str]) -> list[str]:
    """What each value of `functionals` is: (F,) names of rows -> (8F,) names such as c0_mean, delta_c0_p90."""
    return [f"{order}{row}_{name}" for order in ("", "delta_") for name in STATISTICS for row in rows]


def prosody(wave: np.ndarray, rate: int) -> np.ndarray:
    """Functionals of pitch and level: (n,) -> (17,): 8 of pitch, 8 of level, then the voiced share of frames (0..1).

    Each eight is the order of `functionals` for one row. Pitch is log2 Hz, interpolated where the voice rests, so its
    statistics are in octaves; level is the mean power of 25 ms in dB re full scale (a sine at full scale: -3).

    Raises Refused for 15 samples or fewer, which the pitch tracker's filter cannot start on.
    """
    hop = round(PROSODY_HOP * rate)
    pitch = track_pitch(wave, rate, hop, *PITCH_RANGE)
    power = np.square(frame(wave, round(0.025 * rate), hop)).mean(1)
    level = 10 * np.log10(power + LEVEL_FLOOR)
    parts = [functionals(row[None]) for row in (np.log2(pitch.hz), level)]
    return np.concatenate([*parts, [pitch.voiced.mean()]])


def _statistics(rows: np.ndarray) -> np.ndarray:
    """(F, T) -> (4F,), in the order of STATISTICS."""
    low, high = np.percentile(rows, (10, 90), axis=1)
    return np.concatenate([rows.mean(1), rows.std(1), low, high])
