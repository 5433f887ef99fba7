"""Distances to train: cumulative shares, and where copies begin."""

import numpy as np
import pytest

from voxdag.figures import nearest, style

pytestmark = pytest.mark.filterwarnings("error")

DISTANCES = {"dev": np.array([0.3, 0.1, 0.2, 0.4]), "synthetic": np.array([0.25, 0.05])}


def test_shares_by_hand():
    table = nearest.draw(DISTANCES, 0.12).table
    assert table.to_numpy().tolist() == [
        ["dev", 0.1, 0.25], ["dev", 0.2, 0.5], ["dev", 0.3, 0.75], ["dev", 0.4, 1.0],
        ["synthetic", 0.05, 0.5], ["synthetic", 0.25, 1.0],
    ]  # fmt: skip
    assert list(table) == ["kind", "distance", "share"]


def test_steps_in_per_cent_and_a_line_where_copies_begin():
    canvas = nearest.draw(DISTANCES, 0.12).figure
    (axes,) = canvas.axes
    dev, synthetic, limit = axes.lines
    assert dev.get_ydata().tolist() == [25, 50, 75, 100] and synthetic.get_xdata().tolist() == [0.05, 0.25]
    assert list(limit.get_xdata()) == [0.12, 0.12] and dev.get_drawstyle() == "steps-post"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["dev", "synthetic"]
    assert axes.get_ylim() == (0, 100) and axes.get_xlim()[0] == 0
    with style.paper():
        canvas.draw_without_rendering()


def test_one_distance_draws():
    with style.paper():
        nearest.draw({"synthetic": np.array([0.2])}, 0.1).figure.draw_without_rendering()
