"""Segments in the picture of a recording: what is blue speaks for bona fide."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from voxdag.core.errors import Refused
from voxdag.figures import segments, style, waveform

SPANS = [(0.0, 1.0), (0.8, 1.8), (1.6, 2.6)]


def picture(threshold=None):
    wave = np.sin(np.arange(2600) / 5) / 2
    return waveform.figure(wave, 1000, np.array([0.5, 1.5]), {"score": np.array([0.0, 1.0])}, "Score", threshold)


def test_each_segment_has_its_score_and_the_colour_of_its_side():
    figure = picture(threshold=0.5)
    before = len(figure.axes[0].patches)
    segments.mark(figure, SPANS, [1.0, 0.5, -1.0], 0.5)
    lines = figure.axes[-1].collections[-1]
    assert [path.tolist() for path in lines.get_segments()] == [
        [[a, y], [b, y]] for (a, b), y in zip(SPANS, (1, 0.5, -1), strict=True)
    ]
    sides = [style.BLUE, style.VERMILLION, style.VERMILLION]  # at the threshold is not above it
    assert [to_hex(colour).upper() for colour in lines.get_colors()] == sides
    washes = figure.axes[0].patches[before:]
    edges = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in washes]
    assert np.allclose(edges, [(0, 0.9), (0.9, 1.7), (1.7, 2.6)])  # the middles of 0.8 to 1 and of 1.6 to 1.8
    assert [to_hex(patch.get_facecolor()).upper() for patch in washes] == sides


def test_without_a_threshold_nothing_takes_sides():
    figure = picture()
    segments.mark(figure, SPANS, [1.0, 0.5, -1.0], None)
    assert len(figure.axes[0].patches) == 0 and len(figure.axes[-1].collections[-1].get_segments()) == 3


def test_a_score_for_each_segment_is_asked_for():
    with pytest.raises(Refused, match="3 spans and 2 scores"):
        segments.mark(picture(), SPANS, [1.0, 2.0], 0.0)
