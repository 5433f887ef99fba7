"""What an emotion recogniser says of one file on the web page."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from voxdag.audio.decode import INT16_SCALE
from voxdag.figures import waveform
from voxdag.tasks.emotion.inference import DRAWN, DRAWN_AXIS
from voxdag.tasks.shown import Fact, Picture, Scored, Shown, known, percent

TITLE = "Speech emotion"
ABOUT = (
    "Says which emotion a voice expresses, among those of the corpus that it was trained on. It was trained on what "
    "speakers were asked to act, and does not say what a person feels."
)
WIDTH = 6.2  # inches, of pictures


def headline(row: Mapping[str, Any]) -> str:
    """The likeliest class and its probability."""
    return f"{str(row['predicted']).capitalize()}, {100 * row['confidence']:.0f} %"


def listed(row: Mapping[str, Any]) -> dict[str, str]:
    """The class that is next to the likeliest, and the errors that dev lets expect."""
    following = [f"{label.capitalize()}, {100 * value:.0f} %" for label, value in _ranked(row)[1:2]]
    return {"Then": "".join(following), "Expected errors": _expected(row).value}


def shown(scored: Scored) -> Shown:
    """Probabilities, the likeliest first; waveform, spectrogram and probabilities over time."""
    ranked = _ranked(scored.row)
    facts = [Fact(label.capitalize(), percent(value), "", value) for label, value in ranked]
    return Shown([*facts, _expected(scored.row)], [_picture(scored, dict(ranked))])


def _ranked(row: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The classes that the weights know, with their probabilities, the likeliest first."""
    classes = {label: row[name] for name, label in DRAWN.items() if known(row[name])}
    return sorted(classes.items(), key=lambda pair: -pair[1])


def _expected(row: Mapping[str, Any]) -> Fact:
    """How often a recording of dev that was called so was another."""
    if not known(row.get("expected_error_rate")):
        cut = (
            f"dev's recordings were heard whole; this one was cut into {row['segments']} segments, and these are means"
        )
        why = cut if row["segments"] > 1 else "dev fitted none for these weights"
        return Fact("Expected errors", "not known", why)
    said = f"of dev's recordings that were called {row['predicted']} were of another emotion"
    return Fact("Expected errors", f"{100 * row['expected_error_rate']:.0f} %", said)


def _picture(scored: Scored, classes: Container[str]) -> Picture:
    heard = scored.heard
    tracks = {label: scored.along[name].to_numpy() for name, label in DRAWN.items() if label in classes}
    figure = waveform.figure(heard.samples / INT16_SCALE, heard.rate, scored.times, tracks, DRAWN_AXIS)
    figure.set_figwidth(WIDTH)
    caption = (
        f"Each probability is of a window of {scored.window:.2f} s that moves along, drawn at its middle. "
        "The probabilities above are of the recording as a whole, and no mean of these."
    )
    words = f"Waveform, spectrogram and probabilities over time of {len(heard.samples) / heard.rate:.2f} s of speech."
    return Picture(figure, words, caption + scored.heard_in_words())
