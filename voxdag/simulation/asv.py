"""A small speaker verification system, for the ASV scores that a countermeasure is judged together with.

Mean and standard deviation of MFCC over speech frames -> linear discriminant analysis, within-class covariance
normalised, on the bona fide speech of the training speakers -> cosine of the angle to the enrolled mean. It is honest:
it knows neither dev nor eval speakers, sees no spoof in training, and is fooled by what sounds like the target to it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.fft import dct
from scipy.linalg import eigh

from voxdag.audio.spectra import log_mel
from voxdag.core.errors import Refused

WINDOW = 512  # samples at 16 kHz, 32 ms
HOP = 160  # samples at 16 kHz, 10 ms
BANDS = 40
CEPSTRA = 25  # c1 to c25; c0 is the level, which says nothing of the speaker
LOUDEST = 0.6  # share of the frames, the loudest, that count as speech
SHRINKAGE = 0.1  # of the within-speaker covariance towards its diagonal: few speakers, few utterances
ENROLMENT = 3  # utterances a speaker enrols with, or half of them if they are fewer than six
NONTARGETS = 5  # other speakers' models that a test utterance is compared with


@dataclass(frozen=True)
class Verifier:
    """mean: (D,) of the training embeddings; projection: (D, K)."""

    mean: np.ndarray
    projection: np.ndarray

    def score(self, models: np.ndarray, tests: np.ndarray) -> np.ndarray:
        """Cosine of the angle between every model and every test: (M, D), (N, D) -> (M, N), higher = more alike."""
        return _unit((models - self.mean) @ self.projection) @ _unit((tests - self.mean) @ self.projection).T


def embed(wave: np.ndarray, rate: int) -> np.ndarray:
    """Mean and standard deviation of 25 MFCC over the louder frames: (n,) -> (50,). The level makes no difference."""
    bands = log_mel(wave / np.sqrt(np.mean(wave**2)), BANDS, WINDOW, HOP, rate)
    cepstra = dct(bands, norm="ortho", axis=1)
    loud = cepstra[:, 0] >= np.quantile(cepstra[:, 0], 1 - LOUDEST)
    speech = cepstra[loud, 1 : CEPSTRA + 1]
    return np.concatenate([speech.mean(axis=0), speech.std(axis=0)])


def train(embeddings: np.ndarray, speakers: np.ndarray) -> Verifier:
    """Fit the projection to embeddings (N, D) of speakers (N,): it makes the within-speaker covariance the identity.

    Raises Refused with fewer than two speakers, or with no speaker who has two utterances.
    """
    names, index, counts = np.unique(speakers, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.max() < 2:
        raise Refused(
            f"{len(names)} training speakers with at most {counts.max(initial=0)} utterances, expected at least 2 and 2"
        )
    means = np.stack([embeddings[index == k].mean(axis=0) for k in range(len(names))])
    residual = embeddings - means[index]
    within = residual.T @ residual / (len(embeddings) - len(names))
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.diag(np.diag(within))
    mean = embeddings.mean(axis=0)
    between = (means - mean).T @ (counts[:, None] * (means - mean)) / len(embeddings)
    dimensions = min(len(names) - 1, embeddings.shape[1])
    _, vectors = eigh(between, within)
    return Verifier(mean, vectors[:, -dimensions:])


def trials(
    verifier: Verifier, utterances: pd.DataFrame, embeddings: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Enrol every speaker of one split, and score target, nontarget and spoof trials: attack, key, score.

    utterances: speaker, label, attack, one row per row of `embeddings` (N, D). Some bona fide utterances of each
    speaker enrol; the others are target trials, and nontarget trials against other speakers drawn at random. A spoof
    claims to be the speaker that its row names.
    """
    bonafide = (utterances["label"] == "bonafide").to_numpy()
    speakers = utterances["speaker"].to_numpy()
    enrolled = {name: _enrolment(np.flatnonzero(bonafide & (speakers == name)), rng) for name in sorted(set(speakers))}
    names = [name for name, rows in enrolled.items() if len(rows)]
    models = np.stack([embeddings[enrolled[name]].mean(axis=0) for name in names])
    scores = verifier.score(models, embeddings)
    used = {row for rows in enrolled.values() for row in rows}
    found = []
    for row, (name, attack) in enumerate(zip(speakers, utterances["attack"], strict=True)):
        if row in used or name not in names:
            continue
        own = names.index(name)
        found.append((attack, "target" if bonafide[row] else "spoof", scores[own, row]))
        if bonafide[row]:
            others = rng.permutation([k for k in range(len(names)) if k != own])[:NONTARGETS]
            found += [(None, "nontarget", scores[other, row]) for other in others]
    return pd.DataFrame(found, columns=["attack", "key", "score"], dtype=object).astype({"score": float})


def _enrolment(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some of a speaker's bona fide utterances; a single one enrols, and leaves no target trial."""
    return rng.permutation(rows)[: max(min(len(rows), 1), min(ENROLMENT, len(rows) // 2))]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
