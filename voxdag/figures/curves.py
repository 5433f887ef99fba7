"""Error-rate curves as short tables: normal deviates, and few points that keep the curve's shape."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from voxdag.core.errors import Refused

POINTS = 500


def clip_rates(rates: ArrayLike, n: int) -> NDArray[np.float64]:
    """Clip rates (fractions of n trials) to [1/(2n), 1 - 1/(2n)], half a trial from what cannot be plotted."""
    return np.clip(np.asarray(rates, dtype=float), 1 / (2 * n), 1 - 1 / (2 * n))


def probit(rates: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return the normal deviates of rates measured on n trials, finite because rates of 0 and 1 are clipped."""
    return ndtri(clip_rates(rates, n))


def thin(x: NDArray[np.float64], y: NDArray[np.float64], keep: int, points: int = POINTS) -> NDArray[np.intp]:
    """Choose at most about `points` indices of a curve, evenly spaced along its length |dx| + |dy|.

    The first point, the last one and `keep` are always among them.
    """
    if x.size <= points:
        return np.arange(x.size)
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    even = np.searchsorted(length, np.linspace(0, length[-1], points - 3))
    return np.unique(np.concatenate([[0, keep, x.size - 1], even]))


def error_curve(
    miss: ArrayLike, false_alarm: ArrayLike, thresholds: ArrayLike, counts: tuple[int, int], points: int = POINTS
) -> pd.DataFrame:
    """Tabulate a detection error trade-off, one row per operating point, thinned evenly in normal deviates.

    Columns: threshold, false_alarm, miss (fractions, not clipped), false_alarm_probit, miss_probit (clipped to
    half a trial, see `clip_rates`), at_eer (1 where |miss - false_alarm| is least, first if several; else 0).
    `counts` is (targets, non-targets).

    Raises Refused if the three arrays differ in length or either count is below 1.
    """
    table = pd.DataFrame({"threshold": thresholds, "false_alarm": false_alarm, "miss": miss})
    if min(counts) < 1:
        raise Refused(f"expected at least 1 target and 1 non-target, got counts {counts}")
    table["false_alarm_probit"] = probit(table["false_alarm"], counts[1])
    table["miss_probit"] = probit(table["miss"], counts[0])
    equal = int(np.argmin(np.abs(table["miss"] - table["false_alarm"])))
    table["at_eer"] = (np.arange(len(table)) == equal).astype(int)
    chosen = thin(table["false_alarm_probit"].to_numpy(), table["miss_probit"].to_numpy(), equal, points)
    return table.iloc[chosen].reset_index(drop=True)


def equal_point(curve: pd.DataFrame) -> pd.Series:
    """Return the row of an `error_curve` table where the error rates are equal."""
    return curve.loc[curve["at_eer"].idxmax()]


def trials(curve: pd.DataFrame) -> tuple[int, int]:
    """Return the numbers (targets, non-targets) of an `error_curve` table: its ends are half a trial from 0 and 1."""
    ends = [ndtr(curve[name].min()) for name in ("miss_probit", "false_alarm_probit")]
    return round(0.5 / ends[0]), round(0.5 / ends[1])


def equal_error_rate(curve: pd.DataFrame) -> float:
    """Return the equal error rate (fraction) of an `error_curve` table."""
    return float(equal_point(curve)[["miss", "false_alarm"]].mean())


def equal_error_rates(curves: Iterable[pd.DataFrame]) -> list[float]:
    """Return the equal error rate (fraction) of each of several `error_curve` tables."""
    return [equal_error_rate(curve) for curve in curves]
