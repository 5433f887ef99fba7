"""A countermeasure's score of one file on the web page: what it means, and which segments decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from voxdag.audio.decode import INT16_SCALE
from voxdag.figures import segments, waveform
from voxdag.tasks.antispoof.inference import DRAWN_AXIS
from voxdag.tasks.shown import Fact, Listing, Picture, Scored, Shown, known, told_apart

TITLE = "Anti-spoofing"
ABOUT = (
    "Bona fide speech, as a person spoke it, or a spoof: synthesised, converted or replayed? Of attacks, languages and "
    "channels that a system has not heard it may know nothing, and a decision about one recording is no proof."
)
WORDS = {"bonafide": "Bona fide", "spoof": "Spoof"}
WIDTH = 6.2  # inches, of pictures


def headline(row: Mapping[str, Any]) -> str:
    """The decision; where nothing is decided, the score."""
    return WORDS[row["decision"]] if known(row.get("decision")) else f"Score {row['score']:.3f}, nothing decided"


def shown(scored: Scored) -> Shown:
    """Score, probability, threshold and its expected errors; waveform, spectrogram and the score over time; segments
    with their part in the decision."""
    return Shown(_facts(scored.row), [_picture(scored)], [_segments(scored)])


def _facts(row: Mapping[str, Any]) -> list[Fact]:
    decided = known(row.get("threshold"))
    numbers = told_apart([row["score"], row["threshold"]] if decided else [row["score"]])
    facts = [Fact("Score", numbers[0], "higher is more bona fide")]
    if decided:
        facts += [Fact("Threshold", numbers[1], "a score above it is called bona fide"), *_expected(row)]
    if known(row.get("p_bonafide")):
        prior = f"calibrated on dev, where {100 * row['prior']:g} % of all recordings are bona fide; decides nothing"
        ratio = "natural log-likelihood ratio of bona fide speech to spoofs, calibrated on dev; 0 favours neither"
        facts.append(Fact("Evidence", f"{row['llr']:+.2f}", ratio))
        facts.append(Fact("Probability of bona fide", f"{100 * row['p_bonafide']:.1f} %", prior, row["p_bonafide"]))
    return facts


def _expected(row: Mapping[str, Any]) -> list[Fact]:
    if known(row.get("expected_miss_rate")):
        miss, alarm = row["expected_miss_rate"], row["expected_false_alarm_rate"]
        said = "of dev's bona fide recordings were called spoof there, of its spoofs were called bona fide"
        return [Fact("Expected errors", f"{100 * miss:.1f} % and {100 * alarm:.1f} %", said)]
    why = "dev's were of recordings of one segment" if row["segments"] > 1 else "dev fitted none for this threshold"
    return [Fact("Expected errors", "not known", why)]


def _picture(scored: Scored) -> Picture:
    heard, threshold = scored.heard, _threshold(scored)
    wave, scores = heard.samples / INT16_SCALE, _scores(scored)
    figure = waveform.figure(
        wave, heard.rate, scored.times, {"score": scored.along["score"].to_numpy()}, DRAWN_AXIS, threshold
    )
    segments.mark(figure, _spans(scored), scores, threshold)
    figure.set_figwidth(WIDTH)
    words = f"Waveform, spectrogram and score over time of {len(wave) / heard.rate:.2f} s of speech."
    return Picture(figure, words, _caption(scored) + scored.heard_in_words())


def _caption(scored: Scored) -> str:
    one = "Thick lines: the score of each segment; the file's is their mean. "
    colours = "Blue: above the threshold, for bona fide; vermillion: below, for spoof. " if _threshold(scored) else ""
    thin = f"Thin line: the score of a window of {scored.window:.2f} s that moves along, drawn at its middle."
    return one + colours + thin


def _segments(scored: Scored) -> Listing:
    """How far each segment moves the score from the threshold: the score is their mean, so this is exact."""
    count, threshold = len(scored.segments), _threshold(scored)
    if count == 1:
        alone = "The network heard the recording as one segment: no part of it can be said to have decided."
        return Listing(alone, ())
    columns, spans = ["From (s)", "To (s)", "Score"], scored.heard.spans()
    scores = told_apart(_scores(scored).tolist())
    rows = [[f"{start:.2f}", f"{end:.2f}", score] for (start, end), score in zip(spans, scores, strict=True)]
    if scored.row["pool"] != "mean" or threshold is None:
        return Listing("The segments of the file.", columns, rows)
    shares = (_scores(scored) - threshold) / count
    caption = (
        f"Where it is decided: the score is the mean over {count} segments, so each moves it from the threshold by its "
        f"own distance divided by {count}. Above 0 speaks for bona fide, below for spoof; the sum decides."
    )
    return Listing(
        caption, [*columns, "Moves the score by"], [[*row, f"{by:+.2g}"] for row, by in zip(rows, shares, strict=True)]
    )


def _scores(scored: Scored) -> np.ndarray:
    return np.array([one["score"] for one in scored.segments])


def _spans(scored: Scored) -> list[tuple[float, float]]:
    """Of each segment, in seconds of what was heard."""
    heard = scored.heard
    ends = [min(start + heard.window, len(heard.samples)) for start in heard.starts]
    return [(start / heard.rate, end / heard.rate) for start, end in zip(heard.starts, ends, strict=True)]


def _threshold(scored: Scored) -> float | None:
    return scored.row["threshold"] if known(scored.row.get("threshold")) else None
