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
from voxdag.core.progress import track


class Interval(NamedTuple):
    """Ends of a percentile interval, in the unit of the statistic."""

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

    Raises Refused for no replicates, a confidence outside (0, 1), or as `draws` does.
    """
    if replicates < 1 or not 0 < confidence < 1:
        raise Refused(
            f"{replicates} replicates at confidence {confidence}: expected at least 1 and a fraction between 0 and 1"
        )
    drawn = [statistics(counts) for counts in draws(classes, rng, replicates, clusters, members)]
    return {name: percentiles([replicate[name] for replicate in drawn], confidence) for name in drawn[0]}


def percentiles(values: ArrayLike, confidence: float) -> Interval:
    """The interval that holds the middle `confidence` (0..1) of the values; its ends are NaN if a value is."""
    return Interval(*map(float, np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])))
