"""A figure and its numbers."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import style
from voxdag.figures.pdf import save_pdf
from voxdag.figures.png import save_png

# The columns of the tables of figures that hold numbers, for who reads them back: all others are text.
NUMBERS = {
    **dict.fromkeys(("threshold", "false_alarm", "miss", "false_alarm_probit", "miss_probit", "hit", "at_eer"), float),
    **dict.fromkeys(("low_probit", "high_probit", "accuracy_low", "accuracy_high"), float),
    **dict.fromkeys(("prior_log_odds", "actual_rate", "minimum_rate"), float),
    **dict.fromkeys(("rate", "value", "low", "high", "overall", "q1", "median", "q3"), float),
    **dict.fromkeys(("n", "count", "share", "support", "score", "confidence", "accuracy", "ece"), float),
    **dict.fromkeys(("epoch", "members", "best"), float),
}


@dataclass(frozen=True)
class Plot:
    """One figure and the table from which DVC draws the same: about 1,000 rows, more only for very many curves.

    of         the splits that it shows
    intervals  whether low and high of its table, where they are known, are drawn as the ends of intervals
    """

    table: pd.DataFrame
    figure: Figure
    of: str = "eval"
    intervals: bool = False

    def words(self, what: str, confidence: float) -> str:
        """What it shows, and what its intervals are, where it has some."""
        drawn = self.intervals and self.table["low"].notna().any()
        return f"{what}; {100 * confidence:g} % intervals" if drawn else what

    def save(self, path: Path, words: str) -> None:
        """Write the pictures <path>.png and <path>.pdf, signed with what they show."""
        style.signed(self.figure, words)
        save_png(self.figure, path.with_name(f"{path.name}.png"))
        save_pdf(self.figure, path.with_name(f"{path.name}.pdf"))
