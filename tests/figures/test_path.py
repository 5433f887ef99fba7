"""A way through a plane."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import path

NAMES = ("Valence", "Arousal")


def test_dots_are_where_they_are_said_to_be_and_coloured_by_time():
    figure = path.figure([0.1, -0.2], [0.3, 0.4], [1.0, 2.0], (0.0, 0.35), NAMES)
    axes = figure.axes[0]
    dots = axes.collections[0]
    assert dots.get_offsets().tolist() == [[0.1, 0.3], [-0.2, 0.4]] and dots.get_array().tolist() == [1.0, 2.0]
    cross = axes.lines[-1]
    assert [*cross.get_xdata(), *cross.get_ydata()] == [0.0, 0.35] and cross.get_label() == "whole recording"
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == (*NAMES, (-1.0, 1.0))


def test_what_lies_beyond_the_scale_is_in_the_picture():
    assert path.figure([0.0], [-2.0], [0.5], (0.0, 0.0), NAMES).axes[0].get_ylim() == pytest.approx((-2.1, 2.1))


@pytest.mark.parametrize(("x", "y", "times"), [([], [], []), ([1.0], [1.0, 2.0], [1.0]), ([1.0], [1.0], [])])
def test_points_without_times_are_refused(x, y, times):
    with pytest.raises(Refused, match="expected one or more of each, as many of all"):
        path.figure(np.array(x), np.array(y), np.array(times), (0.0, 0.0), NAMES)
