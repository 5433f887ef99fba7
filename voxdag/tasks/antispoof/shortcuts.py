"""Shortcuts: how far traits of recordings alone tell bona fide speech from spoofs, and what is left of a countermeasure
where they are taken away.

    probe      a logistic regression on one trait of a recording (and its square), or on all of them, fitted to train
    treatment  of eval's recordings: silence and level made the same in both classes, what is no speech muted
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from voxdag.audio import traits, vad
from voxdag.audio.decode import to_int16
from voxdag.audio.segments import fit_length
from voxdag.data.shards import INT16_SCALE, PackedTrack, Shards
from voxdag.tasks.antispoof.inference import RATE, waves

ALL = "all of them"
AS_IT_IS = "as it is"
LEVEL = 10 ** (-26 / 20)  # RMS re full scale, of ITU-T P.56's nominal -26 dBov
END = round(0.1 * RATE)  # samples of digital silence at either end

Treatment = Callable[[np.ndarray], np.ndarray]  # (n,) floats at RATE -> (m,)


def traits_of(recordings: PackedTrack) -> pd.DataFrame:
    """One row a recording, a column a trait."""
    return pd.DataFrame([traits.of(recordings.wave(i).astype(np.float64), RATE) for i in range(len(recordings))])


def probes(train: Shards, held: Shards) -> dict[str, pd.DataFrame]:
    """By the name of a trait, or ALL: the recordings of `held` with a score (log odds), of a probe fitted to train."""
    known, asked = traits_of(waves(train)), traits_of(waves(held))
    bonafide, found = train.index["label"] == "bonafide", {}
    for name in (*traits.TRAITS, ALL):
        columns = list(traits.TRAITS) if name == ALL else [name]
        model = make_pipeline(
            PolynomialFeatures(2, include_bias=False), StandardScaler(), LogisticRegression(class_weight="balanced")
        )
        model.fit(known[columns], bonafide)
        found[name] = held.about.assign(score=model.decision_function(asked[columns]))
    return found


def muted(wave: np.ndarray) -> np.ndarray:
    """Digital silence wherever voice activity detection finds no speech; as it is where it finds none at all."""
    kept = np.zeros(wave.size)
    for start, end in vad.find_speech(wave.astype(np.float32), RATE).segments or [(0, wave.size)]:
        kept[start:end] = wave[start:end]
    return kept


def silence_equalised(wave: np.ndarray) -> np.ndarray:
    """From the first speech to the last, with END samples of digital silence at either end."""
    segments = vad.find_speech(wave.astype(np.float32), RATE).segments or [(0, wave.size)]
    return np.pad(wave[segments[0][0] : segments[-1][1]], END)


def level_equalised(wave: np.ndarray) -> np.ndarray:
    """At a root mean square of LEVEL; what would be cut off is turned down as a whole."""
    rms = np.sqrt(np.mean(np.square(wave)))
    gain = LEVEL / rms if rms > 0 else 1.0
    return wave * min(gain, 1 / max(np.abs(wave).max(), 1e-9))


TREATMENTS: Mapping[str, Treatment] = {
    AS_IT_IS: lambda wave: wave,
    "non-speech muted": muted,
    "silence equalised": silence_equalised,
    "level equalised": level_equalised,
}


def treated(recordings: PackedTrack, treatment: str) -> list[np.ndarray]:
    """The recordings after a treatment: (n,) int16 each, of one sample or more."""
    function, found = TREATMENTS[treatment], []
    for i in range(len(recordings)):
        wave = function(recordings[i].astype(np.float64) / INT16_SCALE)
        found.append(to_int16(fit_length(wave, 0, max(len(wave), 1)))[0])
    return found
