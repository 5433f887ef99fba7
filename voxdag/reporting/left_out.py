"""What of a corpus was read and what was left out, as far as the manifest and the features lie here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from voxdag.core import artifacts
from voxdag.data import layout

PACKED = {"id": str, "split": str, "path": str, "reason": str}
SHOWN = 6  # reasons that are listed


@dataclass(frozen=True)
class Split:
    """name, recordings, speakers: of a split, over all its folds."""

    name: str
    recordings: int
    speakers: int


@dataclass(frozen=True)
class Account:
    """splits  what was read of each
    words   what was left out, a sentence each
    known   whether the manifest lies here: it is no part of what git keeps
    """

    splits: tuple[Split, ...]
    words: tuple[str, ...]
    known: bool


def account(task: str) -> Account:
    """What was read of a task's corpus, and what was not."""
    report = layout.manifest(task, "report.json")
    splits = [found for name in layout.SPLITS if (found := _split(task, name))]
    if not report.is_file():
        return Account(tuple(splits), (), False)
    words = [*_of_report(artifacts.read_json(report)), *_quarantined(task)]
    return Account(tuple(splits), tuple(words), True)


def _split(task: str, name: str) -> Split | None:
    if not (layout.manifest(task, name) / f"{layout.UTTERANCES}.csv").is_file():
        return None
    rows = layout.utterances(task, name)
    speakers = rows["speaker"].nunique() if "speaker" in rows else 0
    return Split(name, rows["id"].nunique(), speakers)


def _of_report(report: Mapping[str, Any]) -> Iterator[str]:
    for corpus, about in report.items():
        absent, extra = (about.get(key, {}).get("count", 0) for key in ("absent", "extra"))
        yield f"{corpus}: {absent or 'no'} listed recording{'s were' if absent != 1 else ' was'} absent from the disk."
        if extra:
            yield f"{corpus}: {extra} other files in its folder were not read."
        for departure in about.get("departures", ()):
            yield f"{corpus} is not as published: {departure}."


def _quarantined(task: str) -> Iterator[str]:
    path = layout.quarantine(task)
    if not path.is_file():
        return
    table: pd.DataFrame = artifacts.read_table(path, PACKED)
    if table.empty:
        yield "No recording was quarantined: all could be decoded and used."
        return
    reasons = Counter(table["reason"].fillna("no reason")).most_common(SHOWN)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons)
    yield f"{len(table)} recordings were quarantined: {listed}."
