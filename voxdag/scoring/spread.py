"""How far the metrics of a system spread over its seeds, and whether those of another run lie within."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.99  # of the interval of each metric: a system has up to eight, and all must lie within
OF_MEMBERS = "_sd"  # end of the name of a metric that is itself a spread


class Spread(TypedDict):
    """Of one metric over seeds: n of them, their mean, standard deviation (n - 1), least and greatest value."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


def over_seeds(headlines: Sequence[Mapping[str, float | None]]) -> dict[str, Spread]:
    """The spread of each metric over two or more seeds; one that is undefined for some seed has none."""
    if len(headlines) < 2:
        return {}
    columns: dict[str, list[Any]] = {
        metric: [headline.get(metric) for headline in headlines] for metric in headlines[0]
    }
    return {
        metric: Spread(
            n=len(values),
            mean=float(np.mean(values)),
            sd=float(np.std(values, ddof=1)),
            low=float(min(values)),
            high=float(max(values)),
        )
        for metric, values in columns.items()
        if None not in values and np.isfinite(values).all() and not metric.endswith(OF_MEMBERS)
    }


def interval(spread: Spread, seeds: int) -> tuple[float, float]:
    """Where the mean over the seeds of another run lies, at CONFIDENCE.

    The prediction interval of the mean of m new values after n: mean ± t sd sqrt(1/n + 1/m), with t the quantile of
    Student's distribution of n - 1 degrees of freedom (Hahn and Meeker, Statistical Intervals, 1991, 4.7); but no
    narrower than from the least to the greatest value seen.
    """
    n = spread["n"]
    half = stdtrit(n - 1, (1 + CONFIDENCE) / 2) * spread["sd"] * math.sqrt(1 / n + 1 / seeds)
    return min(spread["low"], spread["mean"] - half), max(spread["high"], spread["mean"] + half)
