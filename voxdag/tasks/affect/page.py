"""The valence and arousal of one file on the web page: its place in the plane, and its way through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxdag.audio.decode import INT16_SCALE
from voxdag.figures import path, waveform
from voxdag.tasks.affect.criteria import PREDICTED
from voxdag.tasks.affect.data import DIMENSIONS
from voxdag.tasks.affect.inference import DRAWN, DRAWN_AXIS
from voxdag.tasks.shown import Fact, Picture, Scored, Shown

TITLE = "Music affect"
ABOUT = (
    "Says how pleasant (valence) and how active (arousal) listeners are expected to find a piece of music, from -1 to "
    "1. It predicts the mean over annotators, who differ, and not what one listener feels."
)
MEANS = {"valence": "from -1, unpleasant, to 1, pleasant", "arousal": "from -1, calm, to 1, active"}
WIDTH = 6.2  # inches, of the picture over time


def headline(row: Mapping[str, Any]) -> str:
    """Both, with their signs."""
    valence, arousal = (row[name] for name in PREDICTED)
    return f"Valence {valence:+.2f}, arousal {arousal:+.2f}"


def listed(row: Mapping[str, Any]) -> dict[str, str]:
    """Both numbers."""
    return {name.capitalize(): f"{row[column]:+.3f}" for name, column in zip(DIMENSIONS, PREDICTED, strict=True)}


def shown(scored: Scored) -> Shown:
    """Both numbers; the way through the plane, and both over time."""
    facts = [
        Fact(name.capitalize(), f"{scored.row[column]:+.3f}", MEANS[name])
        for name, column in zip(DIMENSIONS, PREDICTED, strict=True)
    ]
    return Shown(facts, [_plane(scored), _over_time(scored)])


def _plane(scored: Scored) -> Picture:
    valence, arousal = (scored.along[column].to_numpy() for column in PREDICTED)
    x, y = (scored.row[column] for column in PREDICTED)
    across, up = (name.capitalize() for name in DIMENSIONS)
    figure = path.figure(valence, arousal, scored.times, (x, y), (across, up))
    caption = f"Each dot is a window of {scored.window:.2f} s that moves along; the cross is the recording as a whole."
    return Picture(figure, f"The valence-arousal plane. {headline(scored.row)}.", caption)


def _over_time(scored: Scored) -> Picture:
    heard = scored.heard
    tracks = {name: scored.along[column].to_numpy() for column, name in DRAWN.items()}
    figure = waveform.figure(heard.samples / INT16_SCALE, heard.rate, scored.times, tracks, DRAWN_AXIS)
    figure.set_figwidth(WIDTH)
    words = f"Waveform, spectrogram, valence and arousal over {len(heard.samples) / heard.rate:.2f} s."
    return Picture(figure, words, f"The same over time.{scored.heard_in_words()}")
