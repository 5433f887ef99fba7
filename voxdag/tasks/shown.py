"""What the web page shows of a file: words, numbers and pictures, which a task's `page` makes and the page lays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.tasks.scorer import Heard

CUT = 0.05  # seconds: silence that is cut at the start, from which on it is worth a word
SURE = 0.999  # a probability beyond it is written as more than that


@dataclass(frozen=True)
class Scored:
    """What is said of a file: its row, that of each segment, and the outputs along it.

    times (K,)  centres, in seconds of what was heard, of the windows that `along` has a row of
    window      their length in seconds, or less where the file is shorter
    """

    heard: Heard
    row: Mapping[str, Any]
    segments: Sequence[Mapping[str, Any]]
    times: np.ndarray
    along: pd.DataFrame
    window: float

    def heard_in_words(self) -> str:
        """What part of the file the time axis of a picture is of, where that is not the whole file; else nothing."""
        start, end = self.heard.stretches[0][0] / self.heard.rate, self.heard.stretches[-1][1] / self.heard.rate
        if start < CUT and self.heard.seconds - end < CUT:
            return ""
        return f" Outer silence is not heard: 0 s is {start:.2f} s of the file, and the end {end:.2f} s."


@dataclass(frozen=True)
class Enhanced:
    """A file and what was made of it: waves (n, channels) with full scale at 1, at `rate` Hz."""

    row: Mapping[str, Any]
    before: np.ndarray
    after: np.ndarray
    rate: int


@dataclass(frozen=True)
class Fact:
    """A number in words.

    words  what it is     value  as text     note  what it means
    share  of a bar's whole length (0..1); None: no bar
    mark   where on the bar a line stands (0..1); None: there is none
    """

    words: str
    value: str
    note: str = ""
    share: float | None = None
    mark: float | None = None


@dataclass(frozen=True)
class Picture:
    """A figure; words: what it shows, for who cannot see it; caption: how to read it."""

    figure: Figure
    words: str
    caption: str


@dataclass(frozen=True)
class Listing:
    """A table below a picture, as text; caption: what it lists and what that means."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Shown:
    """Of one file, in the order in which it is read."""

    facts: Sequence[Fact]
    pictures: Sequence[Picture] = ()
    listings: Sequence[Listing] = field(default_factory=tuple)


def known(value: object) -> bool:
    """Whether a cell of a row has a value."""
    return value is not None and not pd.isna(value)


def percent(share: float) -> str:
    """A probability in per cent, which is never written as certain."""
    if share >= SURE:
        return f"> {100 * SURE:.1f} %"
    return f"{100 * share:.1f} %" if share > 1 - SURE else f"< {100 * (1 - SURE):.1f} %"


def told_apart(values: Sequence[float], decimals: int = 3, most: int = 9) -> list[str]:
    """Values as text, with so many decimals, or as many more as keep unequal ones apart (at most `most`)."""
    distinct = sorted(set(values))
    while decimals < most and len({f"{value:.{decimals}f}" for value in distinct}) < len(distinct):
        decimals += 1
    return [f"{value:.{decimals}f}" for value in values]
