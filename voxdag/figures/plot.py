"""A figure and its numbers."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

# The columns of the tables of figures that hold numbers, for who reads them back: all others are text.
NUMBERS = {
    **dict.fromkeys(("threshold", "false_alarm", "miss", "false_alarm_probit", "miss_probit", "hit", "at_eer"), float),
    **dict.fromkeys(("rate", "value", "low", "high", "overall", "q1", "median", "q3"), float),
    **dict.fromkeys(("n", "count", "share", "support", "score", "confidence", "accuracy", "ece"), float),
    **dict.fromkeys(("epoch", "members", "best"), float),
}


@dataclass(frozen=True)
class Plot:
    """One figure and the table from which DVC draws the same: about 1,000 rows, more only for very many curves."""

    table: pd.DataFrame
    figure: Figure
