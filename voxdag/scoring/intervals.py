"""Bootstrap intervals: percentiles of a statistic over sets drawn again from the trials, singly or by speaker.

Trials of one speaker are alike, so drawing them one by one understates the spread that another set of speakers would
show; drawing whole speakers (clusters) does not. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
chapter 13 (percentile intervals); Field and Welsh, JRSS B 69 (2007) (cluster bootstrap).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused


class Interval(NamedTuple):
    """Ends of a percentile interval, in the unit of the statistic."""

    low: float
    high: float


def draws(
    classes: ArrayLike, rng: np.random.Generator, replicates: int, clusters: ArrayLike | None = None
) -> Iterator[np.ndarray]:
    """How often each of N trials stands in each resampled set: `replicates` vectors (N,) of counts.

    N trials, or as many clusters as there are, are drawn with replacement; a drawn cluster brings all its trials. A
    draw that leaves a class of `classes` (N,) without a trial is drawn again: no metric is defined there.

    Raises Refused if `clusters` is not as long as `classes`, or holds fewer than 2 different values.
    """
    classes = np.asarray(classes)
    members = np.arange(classes.size) if clusters is None else _numbered(np.asarray(clusters), classes.size)
    of_class = [np.flatnonzero(classes == name) for name in np.unique(classes)]
    size = members.max() + 1
    for _ in range(replicates):
        counts = np.zeros(classes.size, dtype=np.int64)
        while not all(counts[trials].any() for trials in of_class):
            counts = np.bincount(rng.integers(size, size=size), minlength=size)[members]
        yield counts


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
) -> dict[str, Interval]:
    """Percentile interval of every statistic; all of them see the same resampled sets.

    `statistics` takes the counts (N,) of one draw, see `draws`, and gives the statistics of the set in which trial i
    stands counts[i] times. Without `clusters` the trials are drawn one by one.

    Raises Refused for no replicates, a confidence outside (0, 1), or as `draws` does.
    """
    if replicates < 1 or not 0 < confidence < 1:
        raise Refused(
            f"{replicates} replicates at confidence {confidence}: expected at least 1 and a fraction between 0 and 1"
        )
    drawn = [statistics(counts) for counts in draws(classes, rng, replicates, clusters)]
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    return {
        name: Interval(*map(float, np.quantile([replicate[name] for replicate in drawn], ends))) for name in drawn[0]
    }
