"""Segments of a recording and their scores, drawn into the picture of `waveform`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxdag.core.errors import Refused
from voxdag.figures import style

WASH = 0.16  # opacity of the colour behind the waveform


@style.paper()
def mark(figure: Figure, spans: Sequence[tuple[float, float]], scores: ArrayLike, threshold: float | None) -> None:
    """Draw each segment's score over its span (start, end in seconds), and colour the waveform by the side of the
    threshold that it lies on: blue above, vermillion below it or at it. None: no colour.

    figure: of `waveform.figure`. Segments overlap a little; the colour changes in the middle of what two share.

    Raises Refused for spans and scores of different numbers.
    """
    scores = np.asarray(scores, float)
    if len(spans) != scores.size:
        raise Refused(f"{len(spans)} spans and {scores.size} scores: expected one score for each")
    looks = [style.BLACK if threshold is None else colour(score, threshold) for score in scores]
    panels = figure.axes
    _score_lines(panels[-1], spans, scores, looks)
    if threshold is not None:
        _wash(panels[0], spans, looks)


def colour(score: float, threshold: float) -> str:
    """Of the side of the threshold that a score lies on."""
    return style.BLUE if score > threshold else style.VERMILLION


def _score_lines(panel: Axes, spans: Sequence[tuple[float, float]], scores: np.ndarray, looks: Sequence[str]) -> None:
    starts, ends = np.asarray(spans, float).T
    panel.hlines(scores, starts, ends, colors=looks, linewidth=2.4, alpha=0.75, zorder=1.5)


def _wash(panel: Axes, spans: Sequence[tuple[float, float]], looks: Sequence[str]) -> None:
    middles = [(end + start) / 2 for (_, end), (start, _) in itertools.pairwise(spans)]
    edges = [spans[0][0], *middles, spans[-1][1]]
    for start, end, look in zip(edges[:-1], edges[1:], looks, strict=True):
        panel.axvspan(start, end, color=look, alpha=WASH, linewidth=0)
