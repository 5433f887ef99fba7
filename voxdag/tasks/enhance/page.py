"""One file before and after enhancement on the web page: spectrograms, and ratings by a network that needs no clean
recording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from voxdag.audio.decode import resample
from voxdag.figures import spectrograms
from voxdag.scoring import judges
from voxdag.tasks.shown import Enhanced, Fact, Picture, Shown, known

TITLE = "Speech enhancement"
ABOUT = (
    "Takes noise out of speech. What lies above half the rate that the system works at is lost, and speech that noise "
    "covers may be lost, or made up: listen, and read the ratings as a prediction of what listeners would say."
)
RATED = {"dnsmos_ovrl": "overall", "dnsmos_sig": "speech alone", "dnsmos_bak": "background alone"}
BEFORE, AFTER = "before", "after"
MEASURED = tuple(f"{name}_{when}" for name in RATED for when in (BEFORE, AFTER))
RATED_SECONDS = 60.0  # of a recording, from its start: a window a second, and most of the time goes into them
LOWEST, HIGHEST = 1.0, 5.0  # of a rating
WIDTH = 6.2  # inches, of pictures


def headline(row: Mapping[str, Any]) -> str:
    """The overall rating before and after."""
    before, after = (row[f"dnsmos_ovrl_{when}"] for when in (BEFORE, AFTER))
    return f"DNSMOS {before:.2f} before, {after:.2f} after" if known(before) and known(after) else "Enhanced"


def listed(row: Mapping[str, Any]) -> dict[str, str]:
    """The ratings that the headline lacks, and how many samples were clipped, where some were."""
    ratings = {
        words.removesuffix(" alone").capitalize(): _change(row, name)
        for name, words in RATED.items()
        if name != "dnsmos_ovrl"
    }
    return ratings | ({"Clipped": f"{row['clipped']}"} if row["clipped"] else {})


def measured(before: np.ndarray, after: np.ndarray, rate: int) -> dict[str, float]:
    """The DNSMOS ratings of both, of the mean of the channels and the first RATED_SECONDS; NaN of digital silence."""
    ratings = {when: _rated(wave, rate) for when, wave in ((BEFORE, before), (AFTER, after))}
    return {f"{name}_{when}": ratings[when][name] for name in RATED for when in (BEFORE, AFTER)}


def shown(enhanced: Enhanced) -> Shown:
    """Ratings before and after, and spectrograms of both."""
    row, rate = enhanced.row, enhanced.rate
    facts = [Fact(f"DNSMOS, {words}", _change(row, name), _means(row)) for name, words in RATED.items()]
    beyond = "samples of the output lay beyond full scale, and were cut there"
    facts += [Fact("Clipped", f"{row['clipped']}", beyond)] if row["clipped"] else []
    waves = {"Before": enhanced.before.mean(axis=1), "After": enhanced.after.mean(axis=1)}
    figure = spectrograms.figure(waves, rate, "")
    figure.set_figwidth(WIDTH)
    caption = "Levels in each panel are below its own loudest cell."
    return Shown(facts, [Picture(figure, "Spectrograms of the recording before and after enhancement.", caption)])


def _rated(wave: np.ndarray, rate: int) -> dict[str, float]:
    mono = wave[: round(RATED_SECONDS * rate)].mean(axis=1)
    if not mono.any():
        return dict.fromkeys(RATED, math.nan)
    return judges.dnsmos(np.clip(resample(mono, rate, judges.RATE), -1, 1).astype(np.float32))


def _change(row: Mapping[str, Any], name: str) -> str:
    before, after = (row[f"{name}_{when}"] for when in (BEFORE, AFTER))
    return f"{before:.2f} → {after:.2f}" if known(before) and known(after) else "not defined"


def _means(row: Mapping[str, Any]) -> str:
    first = f"; of the first {RATED_SECONDS:g} s" if row["seconds"] > RATED_SECONDS else ""
    return f"from {LOWEST:g} to {HIGHEST:g}, higher is better{first}"
