"""The figures of a regression: training, and CCC of all systems."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.figures import comparison as systems
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot

CCC = Metric("ccc", "CCC", "", worst="lowest")
CRITERIA = {"dev_ccc": Quantity("Dev CCC", best="max")}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """history."""
    return {"history": draw_history(history, CRITERIA)}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """ccc of all systems."""
    return {"ccc": systems.headline(intervals, CCC)}
