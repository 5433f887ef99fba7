"""The picture of a recording: lines that are told apart, labels that do not run into one another."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from voxdag.core.modules import load_module
from voxdag.figures import style, waveform

# Machado, Oliveira and Fernandes (2009), tables for a severity of 1.0: linear RGB -> linear RGB as it is seen.
SEEN = {
    "by most": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# CIE 1976: linear RGB of sRGB -> XYZ, each row divided by that of white (D65).
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
XYZ /= XYZ.sum(axis=1, keepdims=True)


def lab(colour, seen):
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(np.array(seen) @ linear, 0, 1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def picture(count, ylabel="Score"):
    times, rate = np.array([0.5, 1.5]), 1000
    tracks = {f"class {i}": np.array([0.1, 0.1 * i]) for i in range(count)}
    return waveform.figure(np.sin(np.arange(2600) / 5), rate, times, tracks, ylabel)


def test_lab_by_the_books():
    assert lab("#ffffff", SEEN["by most"]) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("#ff0000", SEEN["by most"]) == pytest.approx([53.2, 80.1, 67.2], abs=0.15)  # of sRGB's red, D65


def test_nine_classes_have_nine_colours_and_nine_markers():
    lines = picture(9).axes[2].lines
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 9
    assert {line.get_linestyle() for line in lines} == {"-", "--"}


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_colours_are_told_apart_under_the_common_deficiencies(seen):
    # Okabe and Ito's own seven come as near as 16 to one another (sky and green, tritanopia); 2.3 is just noticed.
    looks = [(lab(look["color"], seen), look["linestyle"]) for look in waveform.track_looks(9)]
    for (one, dashes), (other, others) in itertools.combinations(looks, 2):
        assert np.linalg.norm(one - other) > (16 if dashes == others else 12)


def test_eighteen_tracks_all_look_different():
    assert len({tuple(look.values()) for look in waveform.track_looks(18)}) == 18


@pytest.mark.parametrize("task", ["affect", "antispoof", "emotion", "enhance"])
@pytest.mark.parametrize("width", [style.WIDTH, 6.2])
def test_the_axis_labels_of_a_task_do_not_touch(task, width):
    figure = picture(2, load_module("voxdag.tasks.{task}.inference", task=task).DRAWN_AXIS)
    figure.set_figwidth(width)
    with style.paper():
        figure.draw_without_rendering()
    boxes = [panel.yaxis.label.get_window_extent() for panel in figure.axes[:3]]
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(boxes))
    assert boxes[-1].y0 > 0 and boxes[-1].x0 >= 0  # within the picture


def test_what_stands_in_brackets_stays_on_one_line():
    assert waveform.on_lines("Valence and arousal (-1 to 1)") == "Valence and\narousal (-1 to 1)"
    assert waveform.on_lines("Score") == "Score"
