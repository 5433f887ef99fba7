"""The matrix: a panel a metric, a cell a system and column, what has no value left free; names are read whole."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

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
    figure = matrix.draw(table[:-3], SHOWN).figure
    assert texts(figure)[0] == ["10.0", "35.0", "30.0", "–"]
    shown = figure.axes[0].images[0].get_array()
    assert shown.mask.tolist() == [[False, False], [False, True]]  # so what is behind is seen there
    assert to_hex(figure.axes[0].get_facecolor()) == matrix.EMPTY.lower()


def test_two_panels_stand_side_by_side_with_each_name_once():
    half = cells()[lambda table: table["metric"] == "eer"].assign(metric="hter")
    plot = matrix.draw(pd.concat([cells(), half]), SHOWN)
    plot.figure.draw_without_rendering()
    eer, hter, cost = plot.figure.axes
    places = [axes.get_position() for axes in (eer, hter, cost)]
    assert places[0].y0 == pytest.approx(places[1].y0) and places[0].x1 < places[1].x0 and places[2].y1 < places[0].y0
    named = [[bool(axis.get_ticklabels()) for axis in (axes.yaxis, axes.xaxis)] for axes in (eer, hter, cost)]
    assert named == [[True, False], [False, True], [True, True]]  # below the lowest of each side


def names_of(columns):
    """The boxes of the columns' names of a picture of seven systems, and whether they are aslant."""
    rows = [(f"system_{i}", column, metric, 0.1) for i in range(7) for column in columns for metric in ("eer", "hter")]
    figure = matrix.draw(pd.DataFrame(rows, columns=["system", "column", "metric", "value"]), SHOWN).figure
    figure.draw_without_rendering()
    labels = [label for axes in figure.axes for label in axes.get_xticklabels()]
    return [label.get_window_extent() for label in labels], {label.get_rotation() for label in labels}


@pytest.mark.parametrize(
    ("columns", "aslant"),
    [
        (["own eval", "wild", "codecs"], False),
        (["own eval", "asvspoof2021_la", "asvspoof2021_df", "in_the_wild", "asvspoof5"], False),
        (["own eval", *(f"asvspoof2021_{i}" for i in range(6))], True),
    ],
)
def test_names_of_columns_stand_apart(columns, aslant):
    boxes, angles = names_of(columns)
    assert angles == {matrix.SLOPE if aslant else 0.0} and len(boxes) == 2 * len(columns)
    if not aslant:
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_a_matrix_of_many_columns_takes_the_page_and_one_panel_of_few_a_column_of_it():
    few = cells()[lambda table: table["metric"] == "eer"]
    assert matrix.draw(few, SHOWN).figure.get_figwidth() == matrix.style.WIDTH
    many = pd.concat([few.assign(column=f"A{i:02d}") for i in range(20)]).drop_duplicates(["system", "column"])
    assert matrix.draw(many, SHOWN).figure.get_figwidth() == matrix.PAGE


def test_nothing_to_draw_is_refused():
    with pytest.raises(Refused, match="cells lacks columns .'value'."):
        matrix.draw(cells().drop(columns="value"), SHOWN)
    with pytest.raises(Refused, match="cells of the metrics that are shown"):
        matrix.draw(cells().assign(metric="n"), SHOWN)
