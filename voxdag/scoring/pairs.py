"""Measures of many pairs of waves, a clean and an enhanced one each, in parallel: one row a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from voxdag.audio.decode import INT16_SCALE
from voxdag.core.parallel import parallel_map

Measure = Callable[[np.ndarray, np.ndarray, int], Mapping[str, float]]  # clean, enhanced, rate -> values by name

CHUNK = 2  # pairs that a process takes at once: a pair is a fifth of a second's work and more


class Pair(NamedTuple):
    """The waves (n,) of a recording: 16-bit samples, or floats with full scale at 1. `name` is for messages."""

    name: str
    clean: np.ndarray
    enhanced: np.ndarray


def table(
    pairs: Iterable[Pair], rate: int, measures: Sequence[Measure], jobs: int, executor: Executor | None = None
) -> pd.DataFrame:
    """What the measures (functions of the top level of a module) say of each pair, in the pairs' order.

    rate in Hz; jobs and executor as `parallel_map` takes them. Each process has one thread, so values do not depend on
    how many there are.

    Raises Refused as the measures do, with the name of the pair.
    """
    work = partial(_of_pair, rate=rate, measures=tuple(measures))
    return pd.DataFrame(parallel_map(work, pairs, jobs, "pairs", CHUNK, executor=executor, program=False))


def _of_pair(pair: Pair, rate: int, measures: Sequence[Measure]) -> dict[str, float]:
    clean, enhanced = map(_full_scale_at_one, (pair.clean, pair.enhanced))
    return {name: value for measure in measures for name, value in measure(clean, enhanced, rate).items()}


def _full_scale_at_one(wave: np.ndarray) -> np.ndarray:
    return wave / np.float32(INT16_SCALE) if wave.dtype == np.int16 else wave
