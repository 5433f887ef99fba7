"""Agreement of numbers with numbers: concordance, R2 and the errors of a regression.

    CCC = 2 cov(t, p) / (var t + var p + (mean t - mean p)^2)       L. Lin, Biometrics 45 (1989), equation 2
    R2  = 1 - sum (t - p)^2 / sum (t - mean t)^2

of targets t and predictions p. All variances and the covariance are over n, as in Lin's paper: with n - 1 in some and n
in others CCC depends on how many trials there are. CCC falls with noise, with a wrong mean and with a wrong scale; it
is 1 where p = t and 0 where one of the two is constant. Where both are constant it is undefined, NaN, as R2 is of
targets that are constant, and everything is of no trial.

All functions score trials along the last axis: target and prediction (..., N), counts (..., N), how often each trial
stands in a resampled set (None: once), broadcast against one another; they give (...).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxdag.core.errors import Refused

Values = NDArray[np.float64]


def ccc(target: ArrayLike, prediction: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """The concordance correlation coefficient, -1 to 1. Raises Refused as `trials` does."""
    t, p, counts = trials(target, prediction, counts)
    mean_t, mean_p = mean(t, counts), mean(p, counts)
    from_t, from_p = t - mean_t[..., None], p - mean_p[..., None]
    spread = mean(from_t**2, counts) + mean(from_p**2, counts) + (mean_t - mean_p) ** 2
    found = _ratio(2 * mean(from_t * from_p, counts), spread)
    still_t, still_p = _constant(t, counts), _constant(p, counts)
    found = np.where(still_t | still_p, 0.0, found)  # and no rounding error
    return np.where(still_t & still_p, np.nan, found)[()]


def r2(target: ArrayLike, prediction: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """The coefficient of determination, 1 at best; that of the targets' own mean is 0. Raises Refused as `trials`
    does."""
    t, p, counts = trials(target, prediction, counts)
    found = 1 - _ratio(mean((t - p) ** 2, counts), variance(t, counts))
    return np.where(_constant(t, counts), np.nan, found)[()]


def rmse(target: ArrayLike, prediction: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """The root mean square error, in the unit of the targets. Raises Refused as `trials` does."""
    t, p, counts = trials(target, prediction, counts)
    return np.sqrt(mean((t - p) ** 2, counts))


def bias(target: ArrayLike, prediction: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """The mean of prediction - target, in their unit. Raises Refused as `trials` does."""
    t, p, counts = trials(target, prediction, counts)
    return mean(p - t, counts)


def ceiling(target: ArrayLike, noise: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """The CCC that predictions without any error would reach, of targets that are means over few annotators.

    noise (..., N): the variance of each target: s^2 / m where m annotators differ with the standard deviation s over
    m - 1, and s^2 / (m - 1) where it is over m. A target is the mean that all possible annotators would give, u, and an
    error of this variance that is independent of it, so that with V the variance of the targets and E the mean of
    `noise`

        cov(t, u) = var u = V - E        CCC(t, u) = 2 (V - E) / (2 V - E)

    which is 2 r / (1 + r) with the reliability r = (V - E) / V of classical test theory (F. Lord and M. Novick,
    Statistical Theories of Mental Test Scores, 1968, chapter 3): the R2 of u as a prediction of t is r.

    NaN where the noise of a trial is not known, or is on the average as large as the variance of the targets. Raises
    Refused as `trials` does.
    """
    t, e, counts = trials(target, noise, counts, unknown=True)
    whole, error = variance(t, counts), mean(e, counts)
    return np.where(whole > error, _ratio(2 * (whole - error), 2 * whole - error), np.nan)[()]


def trials(
    target: ArrayLike, other: ArrayLike, counts: ArrayLike | None, unknown: bool = False
) -> tuple[Values, Values, Values]:
    """The three as arrays of trials. Raises Refused if they differ in the number of trials, or a value is not finite
    (of `other`, where some may be `unknown`: is infinite)."""
    t, o = np.asarray(target, float), np.asarray(other, float)
    c = np.ones(t.shape[-1:]) if counts is None else np.asarray(counts, float)
    sizes = [array.shape[-1] if array.ndim else 0 for array in (t, o, c)]
    if len(set(sizes)) != 1:
        raise Refused(f"{sizes[0]} targets, {sizes[1]} predictions and {sizes[2]} counts: expected as many of each")
    for name, broken in (("targets", ~np.isfinite(t)), ("predictions", np.isinf(o) if unknown else ~np.isfinite(o))):
        if broken.any():
            raise Refused(f"{broken.sum()} of {broken.size} {name} are not finite")
    return t, o, c


def mean(values: Values, counts: Values) -> Values:
    """The mean of values (..., N) that stand counts (..., N) times each; NaN of none, and of one that is unknown."""
    drawn = np.where(counts > 0, values, 0.0)  # what is not drawn has no part, NaN or not
    sums, total = np.broadcast_arrays((drawn * counts).sum(-1), counts.sum(-1))
    return _ratio(sums, total)


def variance(values: Values, counts: Values) -> Values:
    """Their variance, over n."""
    return mean((values - mean(values, counts)[..., None]) ** 2, counts)


def _constant(values: Values, counts: Values) -> NDArray[np.bool_]:
    """Whether all that stands there is one value: its variance may be a rounding error and not 0."""
    lowest = np.where(counts > 0, values, np.inf).min(-1, initial=np.inf)
    highest = np.where(counts > 0, values, -np.inf).max(-1, initial=-np.inf)
    return lowest >= highest


def _ratio(part: Values, whole: Values) -> Values:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
