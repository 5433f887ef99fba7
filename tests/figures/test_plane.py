"""Errors over a plane: in which cell an utterance lies, and what is drawn of it."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import plane, style

pytestmark = pytest.mark.filterwarnings("error")

EDGES = np.linspace(-1, 1, 5)  # cells of a half


def test_cells_by_hand():
    # the first two in one cell: root of (.01 + .05) / 2; an edge belongs to the cell above it, the last to that below
    table = plane.table([-0.9, -0.6, 0.0, 1.0], [0.1, 0.4, 0.5, 1.0], [0.01, 0.05, 0.09, 0.16], EDGES)
    assert list(table) == list(plane.COLUMNS)
    assert table[["x", "y", "n"]].to_numpy().tolist() == [[-0.75, 0.25, 2], [0.25, 0.75, 1], [0.75, 0.75, 1]]
    assert table["rmse"].tolist() == pytest.approx([np.sqrt(0.03), 0.3, 0.4])


def test_an_utterance_of_several_seeds_counts_once():
    table = plane.table([0.1] * 4, [0.1] * 4, [0.01, 0.01, 0.03, 0.03], EDGES, seeds=2)
    assert table["n"].tolist() == [2] and table["rmse"].tolist() == pytest.approx([np.sqrt(0.02)])


def test_the_picture_has_a_shade_and_a_number_in_each_cell():
    table = plane.table([-0.9, -0.6, 0.9], [0.1, 0.4, -0.9], [0.01, 0.01, 0.04], EDGES)
    figure = plane.figure(table, EDGES, ("Valence", "Arousal"), "RMSE", "a title that is so long that it has two lines")
    axes, bar = figure.axes[0], figure.axes[0].child_axes[0]
    shades = axes.collections[0].get_array()
    assert np.ma.filled(shades, np.nan)[2].tolist()[:1] == pytest.approx([0.1]) and shades[0, 3] == pytest.approx(0.2)
    assert np.isfinite(np.ma.filled(shades, np.nan)).sum() == 2
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0.75, -0.75), "1"),
        ((-0.75, 0.25), "2"),
    ]
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("Valence", "Arousal", "RMSE")
    with style.paper():
        figure.draw_without_rendering()


def test_errors_of_nought_are_drawn():
    with style.paper():
        plane.figure(plane.table([0.1], [0.1], [0.0], EDGES), EDGES, ("x", "y"), "RMSE").draw_without_rendering()


def test_what_lies_outside_is_refused():
    with pytest.raises(Refused, match="2 of 3 values lie outside -1 to 1"):
        plane.table([0, 1.1, np.nan], [0, 0, 0], [1, 1, 1], EDGES)
