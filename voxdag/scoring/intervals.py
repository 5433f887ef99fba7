"""Bootstrap intervals: percentiles of a statistic over sets drawn again from the trials, singly or by speaker.

Trials of one speaker are alike, so drawing them one by one understates the spread that another set of speakers would
show; drawing whole speakers (clusters) does not. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
chapter 13 (percentile intervals); Field and Welsh, JRSS B 69 (2007) (cluster bootstrap).

Where all replicates are equal, as of a system without an error, they say nothing of the spread: there is no percentile
interval then, and that of a share without an error (or without a hit) is `exact`.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from voxdag.core.errors import Refused
from voxdag.core.progress import track

MOST_REPLICATES = 1_000_000
EQUAL = 1e-12  # apart, relative to 1 or their size: values that differ by the order of a float sum alone


class Interval(NamedTuple):
    """Ends of an interval, in the unit of the statistic."""

    low: float
    high: float


def draws(
    classes: ArrayLike,
    rng: np.random.Generator,
    replicates: int,
    clusters: ArrayLike | None = None,
    members: ArrayLike | None = None,
) -> Iterator[np.ndarray]:
    """How often each of N trials stands in each resampled set: `replicates` vectors (N,) of counts.

    N trials, or as many clusters as there are, are drawn with replacement; a drawn cluster brings all its trials. A
    draw is drawn again where no metric is defined: where it leaves every member (`members` (N,): which training scored
    a trial; by default one scored all) without a trial of one of the member's `classes` (N,).

    Raises Refused if `clusters` is not as long as `classes`, or holds fewer than 2 different values.
    """
    classes = np.asarray(classes)
    cluster = np.arange(classes.size) if clusters is None else _numbered(np.asarray(clusters), classes.size)
    of_members = _trials_of_classes(classes, np.zeros(classes.size) if members is None else np.asarray(members))
    size = cluster.max() + 1
    for _ in track(range(replicates), "bootstrap"):
        counts = np.zeros(classes.size, dtype=np.int64)
        while not any(all(counts[trials].any() for trials in of_classes) for of_classes in of_members):
            counts = np.bincount(rng.integers(size, size=size), minlength=size)[cluster]
        yield counts


def _trials_of_classes(classes: np.ndarray, members: np.ndarray) -> list[list[np.ndarray]]:
    """Of every member, the places of the trials of each class that it has."""
    return [
        [np.flatnonzero((members == member) & (classes == name)) for name in np.unique(classes[members == member])]
        for member in np.unique(members)
    ]


def _numbered(clusters: np.ndarray, n_trials: int) -> np.ndarray:
    if clusters.shape != (n_trials,):
        raise Refused(f"clusters have shape {clusters.shape}, expected ({n_trials},), one for each trial")
    names, numbers = np.unique(clusters, return_inverse=True)
    if names.size < 2:
        raise Refused(f"all {n_trials} trials are of one cluster ({names[0]}), expected 2 or more clusters")
    return numbers


def bootstrap(
    statistics: Callable[[np.ndarray], Mapping[str, float]],
    classes: ArrayLike,
    rng: np.random.Generator,
    replicates: int,
    confidence: float,
    clusters: ArrayLike | None = None,
    members: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Percentile interval of every statistic; all of them see the same resampled sets.

    `statistics` takes the counts (N,) of one draw, see `draws`, and gives the statistics of the set in which trial i
    stands counts[i] times. Without `clusters` the trials are drawn one by one.

    Raises Refused as `check` and `draws` do.
    """
    check(replicates, confidence)
    drawn = [statistics(counts) for counts in draws(classes, rng, replicates, clusters, members)]
    return {name: percentiles([replicate[name] for replicate in drawn], confidence) for name in drawn[0]}


def least_replicates(confidence: float) -> int:
    """The fewest replicates that make an interval: from the least to the greatest of R values a further one lies with
    probability (R - 1) / (R + 1), which reaches the confidence at R = (1 + confidence) / (1 - confidence)."""
    return math.ceil(round((1 + confidence) / (1 - confidence), 6))


def check(replicates: int, confidence: float) -> None:
    """Raises Refused for a confidence outside (0, 1), or replicates that are too few for it or more than
    MOST_REPLICATES."""
    if not 0 < confidence < 1:
        raise Refused(f"confidence is {confidence}: expected a fraction between 0 and 1, such as 0.95")
    least = least_replicates(confidence)
    if not least <= replicates <= MOST_REPLICATES:
        raise Refused(
            f"replicates is {replicates}: expected {least} to {MOST_REPLICATES:,} for intervals at confidence "
            f"{confidence}"
        )


def percentiles(values: ArrayLike, confidence: float) -> Interval:
    """The interval that holds the middle `confidence` (0..1) of the values; its ends are NaN if a value is, or if all
    are equal."""
    values = np.asarray(values, dtype=float)
    if np.ptp(values) <= EQUAL * max(1.0, np.abs(values).max()):
        return Interval(math.nan, math.nan)
    return Interval(*map(float, np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])))


def exact(share: float, trials: int, confidence: float) -> Interval | None:
    """The interval of a `share` of n independent trials that are all alike: 0 (none counts) or 1 (all do); else None.

    A share p shows nothing in n trials with probability (1 - p)^n, which is at least (1 - confidence) / 2 up to
    p = 1 - ((1 - confidence) / 2)^(1/n).
    """
    for whole in (0.0, 1.0):
        if abs(share - whole) <= EQUAL:
            return clopper_pearson(whole * trials, trials, confidence)
    return None


def clopper_pearson(hits: ArrayLike, trials: ArrayLike, confidence: float) -> Interval:
    """The exact interval of a share of which `hits` of independent `trials` are known; arrays give arrays of ends.

    Clopper and Pearson, Biometrika 26 (1934): quantiles of Beta(k, n - k + 1) below and of Beta(k + 1, n - k) above.
    """
    hits, misses = np.asarray(hits, dtype=float), np.asarray(trials, dtype=float) - hits
    tail = (1 - confidence) / 2
    low = np.where(hits > 0, betaincinv(np.maximum(hits, EQUAL), misses + 1, tail), 0.0)
    high = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, EQUAL), 1 - tail), 1.0)
    return Interval(*(ends.item() if ends.ndim == 0 else ends for ends in (low, high)))  # type: ignore[arg-type]
