"""A countermeasure's score of one file on the web page: what it means, and which segments decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from voxdag.audio.decode import INT16_SCALE
from voxdag.figures import segments, waveform
from voxdag.tasks.antispoof.inference import DRAWN_AXIS
from voxdag.tasks.shown import Fact, Listing, Picture, Scored, Shown, known, percent, told_apart

TITLE = "Anti-spoofing"
ABOUT = (
    "Bona fide speech, as a person spoke it, or a spoof: synthesised, converted or replayed? Of attacks, languages and "
    "channels that a system has not heard it may know nothing, and a decision about one recording is no proof."
)
WORDS = {"bonafide": "Bona fide", "spoof": "Spoof"}
POOLED = {"mean": "the mean over", "min": "the lowest of"}  # of several segments
MOST_TIMES = 1000  # that a likelihood ratio is written as; a dev set of hundreds of recordings bears out no more
LEAST_SPAN = 2.0  # of the axis of scores, which are logits, so that a small difference does not look large
WIDTH = 6.2  # inches, of pictures


def headline(row: Mapping[str, Any]) -> str:
    """The decision; where nothing is decided, the score."""
    return WORDS[row["decision"]] if known(row.get("decision")) else f"Score {row['score']:.3f}, nothing decided"


def listed(row: Mapping[str, Any]) -> dict[str, str]:
    """Score and threshold, and the evidence, as the recording alone gives it."""
    numbers = dict(zip(("Score", "Threshold"), _numbers(row), strict=False))
    if not known(row.get("llr")):
        return numbers
    return numbers | {"LLR": _signed(row["llr"]), "Bona fide, even odds": percent(expit(row["llr"]))}


def shown(scored: Scored) -> Shown:
    """Score and threshold with its expected errors, evidence and what it makes of a prior; waveform, spectrogram and
    the score over time; segments with their part in the decision."""
    return Shown(_facts(scored), [_picture(scored)], [_segments(scored)])


def _facts(scored: Scored) -> list[Fact]:
    row, numbers = scored.row, _numbers(scored.row)
    if not known(row.get("threshold")):
        return [Fact("Score", numbers[0], "higher is more bona fide"), *_evidence(row)]
    facts = [
        Fact("Score", numbers[0], f"{_beside(row)}; higher is more bona fide"),
        Fact("Threshold", numbers[1], "a score above it is called bona fide; nothing else decides"),
    ]
    return [*facts, *_expected(scored), *_evidence(row)]


def _numbers(row: Mapping[str, Any]) -> list[str]:
    """The score and, where there is one, the threshold."""
    return told_apart([row["score"], row["threshold"]] if known(row.get("threshold")) else [row["score"]])


def _beside(row: Mapping[str, Any]) -> str:
    """On which side of the threshold a score lies, how far from it, and what it is called for that."""
    called = WORDS["bonafide" if row["score"] > row["threshold"] else "spoof"].lower()
    distance = row["score"] - row["threshold"]
    if distance == 0:
        return f"at the threshold, so called {called}"
    far = f"{abs(distance):.{_decimals(_numbers(row)[0])}f}"
    return f"{far} {'above' if distance > 0 else 'below'} the threshold, so called {called}"


def _expected(scored: Scored) -> list[Fact]:
    """The error rates of dev; those of the first segment, as which alone dev's recordings were scored, where a file has
    several."""
    row, first, words = scored.row, scored.segments[0], "Expected errors"
    if known(row.get("expected_miss_rate")):
        rates = f"{100 * row['expected_miss_rate']:.1f} % and {100 * row['expected_false_alarm_rate']:.1f} %"
        said = "of dev's bona fide recordings were called spoof at this threshold, and of its spoofs bona fide"
        return [Fact(words, rates, said)]
    if not known(first.get("expected_miss_rate")):
        return [Fact(words, "not known", "dev fitted none for this threshold")]
    seconds = f"{scored.heard.window / scored.heard.rate:.2f} s"
    why = f"of {_pooled(row)}: of dev's recordings the first {seconds} alone were scored"
    rates = f"{100 * first['expected_miss_rate']:.1f} % of bona fide recordings were called spoof"
    alarms = f"{100 * first['expected_false_alarm_rate']:.1f} % of spoofs bona fide"
    said = f"so called by its first {seconds} alone, as dev's recordings were: there {rates}, and {alarms}"
    return [Fact(words, "not known", why), Fact("First segment", f"{_numbers(first)[0]}, {headline(first)}", said)]


def _evidence(row: Mapping[str, Any]) -> list[Fact]:
    """The likelihood ratio, which is the recording's, and probabilities, which are also the prior's."""
    if not known(row.get("p_bonafide")):
        return []
    llr, prior, per_cent = row["llr"], row["prior"], f"{100 * row['prior']:g}\N{NO-BREAK SPACE}%"
    several = f"; {_pooled(row)}, where dev's were first segments alone" if row["segments"] > 1 else ""
    ratio = f"{_times(llr)}: natural log-likelihood ratio, calibrated on dev{several}"
    silent = "of all recordings are bona fide: the line in the bar, at which a recording that says nothing stays"
    facts = [
        Fact("Evidence (LLR)", _signed(llr), ratio),
        Fact("Bona fide, at even odds", percent(expit(llr)), f"probability where half {silent}", expit(llr), 0.5),
    ]
    if prior == 0.5:
        return facts
    said, p = f"probability where {per_cent} {silent}", row["p_bonafide"]
    return [*facts, Fact(f"Bona fide, at a prior of {per_cent}", percent(p), said, p, prior)]


def _times(llr: float) -> str:
    """What a natural log-likelihood ratio says of a score."""
    if abs(llr) > math.log(MOST_TIMES):
        times = f"more than {MOST_TIMES:,}"
    else:
        ratio = math.exp(abs(llr))
        times = f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"
    if times == "1.0":
        return "such a score is as likely of bona fide speech as of a spoof"
    one, other = ("bona fide speech", "a spoof") if llr > 0 else ("a spoof", "bona fide speech")
    return f"such a score is {times} times as likely of {one} as of {other}"


def _pooled(row: Mapping[str, Any]) -> str:
    return f"{POOLED[row['pool']]} {row['segments']} segments"


def _signed(llr: float) -> str:
    shown = f"{llr:+.2f}"
    return shown[1:] if float(shown) == 0 else shown


def _decimals(number: str) -> int:
    """Behind the point of a number in words."""
    return len(number.partition(".")[2])


def _picture(scored: Scored) -> Picture:
    heard, threshold = scored.heard, _threshold(scored)
    wave, scores = heard.samples / INT16_SCALE, _scores(scored)
    figure = waveform.figure(
        wave, heard.rate, scored.times, {"score": scored.along["score"].to_numpy()}, DRAWN_AXIS, threshold
    )
    segments.mark(figure, _spans(scored), scores, threshold)
    low, high = figure.axes[-1].get_ylim()
    spare = max(0.0, LEAST_SPAN - (high - low)) / 2
    figure.axes[-1].set_ylim(low - spare, high + spare)
    figure.set_figwidth(WIDTH)
    words = f"Waveform, spectrogram and score over time of {len(wave) / heard.rate:.2f} s of speech."
    return Picture(figure, words, _caption(scored) + scored.heard_in_words())


def _caption(scored: Scored) -> str:
    pooled = f"; the file's is {_pooled(scored.row)}" if len(scored.segments) > 1 else ""
    one, colours = f"Thick lines: the score of each segment{pooled}. ", ""
    if _threshold(scored) is not None:
        colours = "Blue: above the threshold, for bona fide; vermillion: below, for spoof. "
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
        f"own distance divided by {count}. Above 0 speaks for bona fide, below for spoof. Their "
        f"sum decides: the score is {_beside(scored.row)}."
    )
    return Listing(
        caption,
        [*columns, "Moves the score by"],
        [[*row, f"{by:+.{_decimals(row[-1])}f}"] for row, by in zip(rows, shares, strict=True)],
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
