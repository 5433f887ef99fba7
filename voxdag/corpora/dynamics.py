"""Labels of whole songs beside labels along them: which of the two dimensions a column really holds.

DEAM and emoMusic have both: `valence.csv` and `arousal.csv`, a row a song, columns song_id, sample_15000ms,
sample_15500ms, and so on (2 Hz). A song's mean over time is close to its label as a whole. Where the labels as a whole
are closer to the other dimension's means, their columns were interchanged.
"""

from __future__ import annotations

import csv
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused

DIMENSIONS = ("valence", "arousal")
SONG = "song_id"
SAMPLE = "sample_"  # begins the name of a column of labels at one time
ALONG = "_along"  # ends the name of a column of means over time
FEWEST = 10  # songs in a range: of fewer a correlation says little
# How much closer, as a correlation, both labels must be to the other dimension's means before they look interchanged.
# Of DEAM's songs 1 to 1000 the difference is .38 to either side; a standard error of 58 songs is below .1.
MARGIN = 0.1

logger = logging.getLogger(__name__)


def song_means(path: Path) -> pd.Series:
    """The mean over time of each song's labels, by song (text); missing samples are passed over.

    Raises Refused, with the file, for what is no such table; with the song, for a value that is no number, or a song
    that is listed twice.
    """
    try:
        # Full songs have over a thousand columns: longer lines than protocols have (voxdag.core.texts).
        # index_col: where rows end with a comma more than the header, the songs stay what they are.
        options = {"skipinitialspace": True, "encoding": "utf-8-sig", "on_bad_lines": "error", "index_col": False}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of cells beyond the header's
            table = pd.read_csv(path, dtype=str, **options)
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        pd.errors.ParserWarning,
        UnicodeDecodeError,
        csv.Error,
    ) as reason:
        raise Refused(f"{path} is no table of labels along songs: {str(reason).strip()}") from None
    table.columns = table.columns.str.strip()
    samples = [name for name in table if name.startswith(SAMPLE)]
    if SONG not in table or not samples:
        raise Refused(f"{path} has the columns {', '.join(table.columns[:4])}; expected {SONG}, {SAMPLE}15000ms, ...")
    songs = table[SONG].str.strip()
    if songs.duplicated().any():
        raise Refused(f"{path} lists the song {songs[songs.duplicated()].iloc[0]} twice, expected each once")
    values = table[samples].apply(pd.to_numeric, errors="coerce")
    wrong = (values.isna() & table[samples].notna()) | np.isinf(values)
    if wrong.to_numpy().any():
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise Refused(
            f"{path}: song {songs[row]} has {samples[column]} {table[samples].iloc[row, column]!r}, expected a number"
        )
    return values.mean(axis=1).set_axis(songs)


def compare(labels: pd.DataFrame, along: dict[str, pd.Series], ranges: Sequence[tuple[int, int]]) -> list[dict]:
    """Range by range of song numbers, how labels of whole songs correlate with the means of labels along them.

    labels  columns song (text), valence, arousal
    along   dimension -> mean over time, by song

    look_swapped: both labels correlate with the other dimension's means by MARGIN more than with their own; None where
    fewer than FEWEST songs have both, or one of them does not vary.
    """
    means = pd.DataFrame(along)[list(DIMENSIONS)].add_suffix(ALONG)
    joined = labels.set_index("song")[list(DIMENSIONS)].join(means, how="inner").dropna()
    numbers = joined.index.astype(int)
    return [_of_range(joined[(numbers >= first) & (numbers <= last)], first, last) for first, last in ranges]


def _of_range(songs: pd.DataFrame, first: int, last: int) -> dict:
    found: dict = {"songs": [first, last], "n": len(songs), "look_swapped": None}
    if len(songs) < FEWEST or (songs.nunique() < 2).any():
        return found
    for label in DIMENSIONS:
        found[label] = {other: float(songs[label].corr(songs[other + ALONG])) for other in DIMENSIONS}
    gains = [found[own][other] - found[own][own] for own, other in (DIMENSIONS, DIMENSIONS[::-1])]
    return found | {"look_swapped": bool(min(gains) > MARGIN)}


def warn(compared: list[dict], where: object) -> None:
    """Log every range whose labels look interchanged."""
    for found in compared:
        if found["look_swapped"]:
            first, last = found["songs"]
            sides = (
                f"{label} correlates {found[label][label]:.2f} with its own labels along the songs and "
                f"{found[label][other]:.2f} with {other}'s"
                for label, other in (DIMENSIONS, DIMENSIONS[::-1])
            )
            logger.warning(
                "%s: valence and arousal of songs %d to %d look interchanged: %s (%d songs). They are read so "
                "unless the option swap lists [%d, %d]",
                *(where, first, last, "; ".join(sides), found["n"], first, last),
            )
