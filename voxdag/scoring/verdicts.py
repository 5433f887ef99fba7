"""Verdicts on paired differences: is one of two systems better, are both as good, or is it not known?

Of a difference a - b with its interval, and a margin m that was stated before the run:

    equivalent   -m < low and high < m
    better       the interval leaves out 0 on the side that is the better of the metric; a is the better system
    worse        the same on the other side
    undecided    none of these: another corpus, or more speakers or seeds, may tell

An interval that leaves out 0 and lies within the margin shows both: a difference, and that it is too small to matter
(Lakens 2017, figure 1, where a result may be different from 0 and equivalent). The verdict is `equivalent`, as in the
test of equivalence, whose hypothesis is about the margin alone (Schuirmann 1987). The sign stands in the difference. So
a margin is the smallest difference worth having, and one that is too wide hides what matters.

The interval is the one that is written, at its confidence c. Equivalence at level alpha asks of two one-sided tests no
more than an interval at 1 - 2 alpha; one at c is that of alpha = (1 - c) / 2: at 95 % two systems that differ by the
margin are called equivalent in at most 2.5 % of experiments, and two that are equal are told apart in 5 %. (For 5 % of
the former Schuirmann takes the interval at 90 %, which would be a second one beside the first; Berger and Hsu compare
the two.) Each pair and metric is judged on its own: nothing is corrected for their number.

Source: D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", Journal of
Pharmacokinetics and Biopharmaceutics 15 (1987); R. L. Berger, J. C. Hsu, "Bioequivalence trials, intersection-union
tests and equivalence confidence sets", Statistical Science 11 (1996); D. Lakens, "Equivalence tests: a practical primer
for t tests, correlations, and meta-analyses", Social Psychological and Personality Science 8 (2017).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.scoring import protocol
from voxdag.scoring.tables import OPTIMISED

COLUMNS = {"margin": float, "verdict": str}
BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"


def judge(pairs: pd.DataFrame, margins: Mapping[str, float], higher: Collection[str]) -> pd.DataFrame:
    """The table of pairs with COLUMNS behind its own: the margin of each row's metric, and the verdict on a.

    pairs    the columns metric, low and high (see `paired.pairs`)
    margins  metric -> margin in its unit, 0 or more; also of the metric under another protocol, and optimised
    higher   the metrics of which the higher value is the better, by the names that the task gives them

    A margin is missing where none was stated, and nothing is equivalent then; a verdict where there is no interval.
    """
    margin = [margins.get(measured(metric), np.nan) for metric in pairs["metric"]]
    rows = zip(pairs["low"], pairs["high"], margin, pairs["metric"], strict=True)
    said = [verdict(low, high, width, plain(metric) in higher) for low, high, width, metric in rows]
    return pairs.assign(margin=np.array(margin, dtype=float), verdict=pd.Series(said, pairs.index, dtype=object))


def verdict(low: float, high: float, margin: float, higher: bool) -> str | None:
    """The verdict on a by the interval of a - b; None without one (NaN). A margin of NaN is none.

    higher: whether the higher value is the better
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return None
    if -margin < low and high < margin:
        return EQUIVALENT
    if low <= 0 <= high:
        return UNDECIDED
    return BETTER if (low > 0) == higher else WORSE


def check(margins: Mapping[str, float], metrics: Iterable[str], task: str) -> None:
    """Refuse the margins of a task that are of none of its metrics (names as in tables, under any protocol).

    Raises Refused with the metrics that there are.
    """
    known = dict.fromkeys(measured(metric) for metric in metrics)
    unknown = [str(metric) for metric in margins if metric not in known]
    if unknown:
        where = f"{params.FILE}: tasks.{task}.scoring.margins"
        raise Refused(f"{where} has the unknown metric {', '.join(unknown)}; metrics: {', '.join(known)}")


def plain(metric: str) -> str:
    """The name of a metric without what says its protocol."""
    prefixes = sorted(protocol.PREFIXES.values(), key=len, reverse=True)
    return metric.removeprefix(next(prefix for prefix in prefixes if metric.startswith(prefix)))


def measured(metric: str) -> str:
    """The name of what is measured: without the protocol, and without what says that it was optimised."""
    return plain(metric).removeprefix(OPTIMISED)
