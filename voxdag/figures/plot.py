"""A figure and its numbers."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

TEXT = ("system", "member", "group", "class", "attack", "curve", "label", "measure", "quantity", "actual", "predicted")
COLUMNS = {**dict.fromkeys((*TEXT, "protocol"), str), "*": float}  # of the tables of figures, for who reads them back


@dataclass(frozen=True)
class Plot:
    """One figure and the table from which DVC draws the same: about 1,000 rows, more only for very many curves."""

    table: pd.DataFrame
    figure: Figure
