"""Scores made log-likelihood ratios by a map that is fitted on other trials, and what the best such map would reach.

    affine    a s + b, or of several systems' scores a_1 s_1 + ... + a_K s_K + b (fusion), by logistic regression at the
              prior that a decision is made at; a is positive, so what is above what stays so, and with it the EER
    isotonic  the rising step function with the least Cllr on the trials it is fitted to (pool adjacent violators)

Sources: Brummer and du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language
20, 2006 (Cllr, its minimum by pool adjacent violators); Pigeon, Druyts and Verlinde, "Applying logistic regression to
the fusion of the NIST'99 1-speaker submissions", Digital Signal Processing 10, 2000. So that classes without an overlap
have a finite map too, targets are those of Platt, "Probabilistic outputs for support vector machines", 1999, equations
12 and 13, and steps are fitted with one more trial of each class beyond either end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from voxdag.core.errors import Refused
from voxdag.scoring.dcf import DetectionCosts, surprise
from voxdag.scoring.eer import checked

LEAST_SLOPE = 1e-6  # of scores that say the opposite, or nothing: all log-likelihood ratios are then about 0


class Map(Protocol):
    """From scores of one system to natural log-likelihood ratios, rising."""

    def __call__(self, scores: NDArray) -> NDArray:
        """(n,) -> (n,)."""

    def threshold(self, llr: float) -> float:
        """The lowest score whose ratio is at least this; infinite where there is none."""


@dataclass(frozen=True)
class Affine:
    """slope * score + offset."""

    slope: float
    offset: float

    def __call__(self, scores: NDArray) -> NDArray:
        """(n,) -> (n,)."""
        return self.slope * scores + self.offset

    def threshold(self, llr: float) -> float:
        """The score that has this ratio."""
        return (llr - self.offset) / self.slope


@dataclass(frozen=True)
class Steps:
    """The value of the highest of `scores` (k,) that is not above a score; below the lowest, that of the lowest."""

    scores: NDArray
    values: NDArray

    def __call__(self, scores: NDArray) -> NDArray:
        """(n,) -> (n,)."""
        return self.values[np.clip(np.searchsorted(self.scores, scores, side="right") - 1, 0, None)]

    def threshold(self, llr: float) -> float:
        """Where the first step begins that is high enough; minus infinity of the lowest."""
        first = int(np.searchsorted(self.values, llr, side="left"))
        if first == 0:
            return -np.inf
        return float(self.scores[first]) if first < self.scores.size else np.inf


def effective_prior(costs: DetectionCosts) -> float:
    """The prior of bona fide speech at which both errors cost the same and decisions are those at these costs."""
    of_bonafide = (1 - costs.p_spoof) * costs.c_miss
    return of_bonafide / (of_bonafide + costs.p_spoof * costs.c_fa)


def fit_affine(bonafide: ArrayLike, spoof: ArrayLike, prior: float) -> Affine:
    """The affine map of scores with the least cross entropy at a prior of bona fide speech.

    Raises Refused for an empty class or a score that is not finite.
    """
    bonafide, spoof = checked({"bona fide": bonafide, "spoof": spoof})
    weights, offset = fit_fusion(bonafide[:, None], spoof[:, None], prior)
    slope = float(weights[0])
    return Affine(slope, offset) if slope > LEAST_SLOPE else Affine(LEAST_SLOPE, 0.0)


def fit_fusion(bonafide: NDArray, spoof: NDArray, prior: float) -> tuple[NDArray, float]:
    """Weights (K,) and offset of the linear map of K systems' scores, (n, K) and (m, K), with the least cross entropy
    at a prior of bona fide speech; the log odds of the prior are taken out.

    Raises Refused for a prior that is none.
    """
    if not 0 < prior < 1:
        raise Refused(f"a prior of {prior}, expected between 0 and 1")
    both = np.concatenate([bonafide, spoof])
    centre, scale = both.mean(0), np.maximum(both.std(0), 1e-12)
    rows = np.column_stack([(both - centre) / scale, np.ones(len(both))])  # (n + m, K + 1)
    counts = np.array([len(bonafide), len(spoof)])
    targets = np.repeat([(counts[0] + 1) / (counts[0] + 2), 1 / (counts[1] + 2)], counts)
    weights = np.repeat([prior, 1 - prior] / counts, counts)

    def loss(parameters: NDArray) -> tuple[float, NDArray]:
        z = rows @ parameters + logit(prior)
        value = targets * np.logaddexp(0, -z) + (1 - targets) * np.logaddexp(0, z)
        return float(weights @ value), rows.T @ (weights * (expit(z) - targets))

    start = np.zeros(rows.shape[1])
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x  # convex: one minimum
    slopes = found[:-1] / scale
    return slopes, float(found[-1] - slopes @ centre)


def fit_steps(bonafide: ArrayLike, spoof: ArrayLike) -> Steps:
    """The rising step function with the least Cllr, one more trial of each class beyond either end.

    Raises Refused for an empty class or a score that is not finite.
    """
    bonafide, spoof = checked({"bona fide": bonafide, "spoof": spoof})
    scores, counts = _counted(bonafide, spoof)
    beyond = np.ones((2, 1))
    counts = np.concatenate([beyond, counts, beyond], axis=1)
    values = _ratios(counts)[1:-1]
    begins = np.concatenate([[True], values[1:] != values[:-1]])
    return Steps(scores[begins], values[begins])


def min_cllr(bonafide: ArrayLike, spoof: ArrayLike) -> float:
    """Cllr, in bits, of the best rising map of these very trials.

    Raises Refused for an empty class or a score that is not finite.
    """
    bonafide, spoof = checked({"bona fide": bonafide, "spoof": spoof})
    _, counts = _counted(bonafide, spoof)
    ratios = _ratios(counts)
    parts = []
    for count, sign in zip(counts, (1, -1), strict=True):
        there = count > 0  # a trial that can be of one class alone is no surprise there, and is not of the other
        parts.append(np.average(surprise(sign * ratios[there]), weights=count[there]))
    return float(sum(parts) / 2)


def _counted(bonafide: NDArray, spoof: NDArray) -> tuple[NDArray, NDArray]:
    """The distinct scores, rising, and how many of each class have each: (k,), (2, k)."""
    scores, places = np.unique(np.concatenate([bonafide, spoof]), return_inverse=True)
    parts = np.split(places, [bonafide.size])
    return scores, np.stack([np.bincount(part, minlength=scores.size) for part in parts]).astype(float)


def _ratios(counts: NDArray) -> NDArray:
    """Log-likelihood ratios (k,) that rise, of counts (2, k) of bona fide speech and spoofs at rising scores."""
    total = counts.sum(0)
    shares = isotonic_regression(counts[0] / total, weights=total).x.clip(0, 1)
    with np.errstate(divide="ignore"):
        return logit(shares) - np.log(counts[0].sum() / counts[1].sum())
