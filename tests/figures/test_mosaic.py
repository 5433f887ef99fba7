"""Spectrograms side by side: what stands where, on one scale."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import mosaic, style

pytestmark = pytest.mark.filterwarnings("error")

DB = 10 / np.log(10)


def rows(columns=3, bands=4, frames=5):
    """Real spectrograms of level -k in column k and band by band one more, made-up ones twice as loud (natural log)."""
    levels = -np.arange(columns)[:, None, None] + np.arange(bands)[:, None] + np.zeros(frames)
    return [("Real", levels), ("Synthetic", levels + np.log(2))]


def test_the_table_has_the_mean_level_of_each_band_in_decibels():
    table = mosaic.draw(rows(), ["a", "b", "c"], 0.5).table
    assert list(table) == ["kind", "condition", "band", "value"] and len(table) == 2 * 3 * 4
    of_b = table[(table["kind"] == "Synthetic") & (table["condition"] == "b")]
    assert of_b["band"].tolist() == [0, 1, 2, 3]
    assert of_b["value"].tolist() == pytest.approx([DB * (k - 1) + 3.0103 for k in range(4)], abs=1e-4)


def test_a_panel_each_on_one_scale_of_levels_and_time():
    canvas = mosaic.draw(rows(), ["valence +0.10\narousal -0.20", "b", "c"], 0.5).figure
    panels = canvas.axes[:6]
    assert [panel.get_title() for panel in panels[:3]] == ["valence +0.10\narousal -0.20", "b", "c"]
    assert [panels[i].get_ylabel() for i in (0, 3)] == ["Real\nMel band", "Synthetic\nMel band"]
    assert panels[5].get_xlabel() == "Time (s)"
    images = [panel.images[0] for panel in panels]
    assert len({image.get_clim() for image in images}) == 1 and tuple(images[0].get_extent()) == (0, 0.5, -0.5, 3.5)
    np.testing.assert_allclose(images[4].get_array(), DB * rows()[1][1][1])
    with style.paper():
        canvas.draw_without_rendering()


@pytest.mark.parametrize("columns", [1, 6])
def test_one_column_and_many_draw(columns):
    with style.paper():
        mosaic.draw(rows(columns, 64, 128), ["x"] * columns, 4.0).figure.draw_without_rendering()


@pytest.mark.parametrize(("second", "words"), [((3, 4, 6), 3), ((2, 4, 5), 3), ((3, 4, 5), 2)])
def test_rows_that_do_not_fit_are_refused(second, words):
    other = [("Real", np.zeros((3, 4, 5))), ("Synthetic", np.zeros(second))]
    with pytest.raises(Refused, match=f"under {words} conditions: expected as many of all"):
        mosaic.draw(other, ["x"] * words, 1.0)
