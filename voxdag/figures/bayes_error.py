"""Normalised Bayes error rate against the prior: what scores taken as log-likelihood ratios cost, and what they could.

N. Brümmer and E. de Villiers, "The BOSARIS Toolkit", 2011 (normalised Bayes error-rate plots): at the prior P of bona
fide speech the Bayes decision is to accept log-likelihood ratios above -logit(P); the rate of its errors is divided by
that of decisions by the prior alone. What calibration loses lies between the two curves.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import style
from voxdag.scoring import dcf
from voxdag.scoring.eer import DetCurve

LOG_ODDS = np.linspace(-5, 5, 101)  # of the prior of a target: from 0.7 to 99.3 %
HIGHEST = 1.5  # of the axis: 1 is no better than the prior alone


def table(curves: Sequence[DetCurve]) -> pd.DataFrame:
    """The rates at each prior, means over members: columns prior_log_odds, actual_rate, and minimum_rate, that of the
    best threshold."""
    rows = [(odds, *np.mean([_rates(curve, odds) for curve in curves], axis=0)) for odds in LOG_ODDS]
    return pd.DataFrame(rows, columns=["prior_log_odds", "actual_rate", "minimum_rate"])


def _rates(curve: DetCurve, log_odds: float) -> tuple[float, float]:
    costs = dcf.DetectionCosts(p_spoof=1 / (1 + np.exp(log_odds)), c_miss=1.0, c_fa=1.0)
    return dcf.cost_at(curve, costs), float(costs.along(curve).min())


@style.paper()
def figure(rates: pd.DataFrame, log_odds: float, name: str, title: str = "") -> Figure:
    """Draw a `table`, and the operating point of that prior by its `name`."""
    canvas = style.new_figure(height=2.7)
    axes = canvas.subplots()
    axes.axhline(1, color=style.GREY, linewidth=0.7, linestyle="--", label="prior alone")
    axes.axvline(log_odds, color=style.BLACK, linewidth=0.7, linestyle=":", label=name)
    axes.plot(rates["prior_log_odds"], rates["actual_rate"], color=style.VERMILLION, label="scores as they are")
    axes.plot(rates["prior_log_odds"], rates["minimum_rate"], color=style.BLUE, label="calibrated at best")
    axes.set(xlim=(LOG_ODDS[0], LOG_ODDS[-1]), ylim=(0, HIGHEST))
    axes.set(xlabel="Log-odds of the prior of bona fide speech", ylabel="Normalised Bayes error rate")
    axes.set_title(title, loc="left")
    canvas.legend(loc="outside upper center", ncols=2, frameon=False, columnspacing=1.2)
    return canvas
