"""The figures of a generator: training, with both losses, and the gap of all systems."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.figures import comparison as systems
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot

GAP = Metric("gap", "Gap", "", worst="highest")
CRITERIA = {"dev_gap": Quantity("Dev gap", best="min")}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """history."""
    return {"history": draw_history(history, CRITERIA)}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """gap of all systems."""
    return {"gap": systems.headline(intervals, GAP)}
