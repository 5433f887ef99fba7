"""The matrix: a panel a metric, a cell a system and column, what has no value left free."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import matrix

SHOWN = {"eer": ("EER", True), "hter": ("HTER", True), "cost": ("Cost", False)}


def cells():
    rows = [(s, c, m, v) for s, a in (("a", 0.1), ("b", 0.3)) for c, b in (("own eval", 0.0), ("wild", 0.25))
            for m, v in (("eer", a + b), ("cost", 10 * (a + b)), ("n", 7))]  # fmt: skip
    return pd.DataFrame(rows, columns=["system", "column", "metric", "value"])


def texts(figure):
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def test_each_metric_that_there_is_has_a_panel_with_its_cells():
    plot = matrix.draw(cells(), SHOWN)
    assert [axes.get_title(loc="left") for axes in plot.figure.axes] == ["EER (%)", "Cost"]
    assert texts(plot.figure) == [["10.0", "35.0", "30.0", "55.0"], ["1.00", "3.50", "3.00", "5.50"]]
    assert [label.get_text() for label in plot.figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert set(plot.table["metric"]) == {"eer", "cost"} and len(plot.table) == 8


def test_a_cell_without_a_value_has_a_dash():
    table = cells()
    table.loc[(table["system"] == "b") & (table["column"] == "wild"), "value"] = np.nan
    assert texts(matrix.draw(table[:-3], SHOWN).figure)[0] == ["10.0", "35.0", "30.0", "–"]


def test_nothing_to_draw_is_refused():
    with pytest.raises(Refused, match="cells lacks columns .'value'."):
        matrix.draw(cells().drop(columns="value"), SHOWN)
    with pytest.raises(Refused, match="cells of the metrics that are shown"):
        matrix.draw(cells().assign(metric="n"), SHOWN)
