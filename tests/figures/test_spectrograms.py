"""Spectrograms below one another, and the levels in their table."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import spectrograms, style

pytestmark = pytest.mark.filterwarnings("error")

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(1000) / RATE)


def test_the_level_of_a_tone_is_half_its_power():
    table = spectrograms.draw({"tone": TONE, "silence": 0 * TONE}, RATE, "").table
    tone = table[table["track"] == "tone"]
    # 10 lg(0.5^2 / 2) = -9.03 dB in stretches of 50 periods; the last of 1,000 samples is 200 long
    assert tone["seconds"].tolist() == [0, 0.05, 0.1] and tone["value"].tolist() == pytest.approx(
        [-9.031] * 3, abs=1e-3
    )
    assert (table.loc[table["track"] == "silence", "value"] == -80).all()


def test_every_wave_has_a_panel_of_its_length():
    figure = spectrograms.draw({"noisy": TONE, "clean": TONE}, RATE, "u1, 5 dB").figure
    panels = figure.axes[:2]
    assert [panel.get_title(loc="left") for panel in panels] == ["noisy", "clean"]
    assert panels[0].get_title(loc="right") == "u1, 5 dB" and panels[1].get_xlim() == (0, 0.125)
    levels = panels[0].get_images()[0].get_array()
    assert np.abs(levels[:, 5].argmax() * 4000 / (len(levels) - 1) - 1000) < 40  # a bin is 40 Hz wide
    with style.paper():
        figure.draw_without_rendering()


@pytest.mark.parametrize("waves", [{"a": TONE, "b": TONE[:-1]}, {"a": TONE[:0]}, {}])
def test_waves_of_different_lengths_or_none_are_refused(waves):
    with pytest.raises(Refused, match="expected one or more of each, as many of all"):
        spectrograms.draw(waves, RATE, "")
