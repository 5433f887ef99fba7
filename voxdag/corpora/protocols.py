"""What readers of spoofed speech share: protocols of columns, where an utterance's recording lies, counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from voxdag.core import texts
from voxdag.core.errors import Refused
from voxdag.corpora import listing
from voxdag.corpora.listing import File, LeftOut

SPLITS = ("train", "dev", "eval")
LABELS = ("bonafide", "spoof")
NO_ATTACK = ("-", "bonafide")  # how protocols write it
NONE = "none"  # a group of its own in a breakdown: recordings that were not coded, sent, ...

Row = tuple  # what a protocol says of an utterance; its id first


def lines(path: Path, form: str) -> Iterator[tuple[str, list[str]]]:
    """Each line's place and columns. Raises Refused if their number is not that of `form`."""
    expected = len(form.split())
    for number, line in texts.lines(path):
        columns = line.split()
        place = f"{path}:{number}: {line.rstrip()!r}"
        if len(columns) != expected:
            raise Refused(f"{place} has {len(columns)} columns, expected {expected}: {form}")
        yield place, columns


def attack_of(attack: str, key: str, place: str, absent: Sequence[str] = NO_ATTACK) -> str | None:
    """The attack of an utterance; None of bona fide speech, whose attack is written as one of `absent`.

    Raises Refused for an unknown key, and where key and attack contradict one another.
    """
    if key not in LABELS:
        raise Refused(f"{place} has the key {key!r}, expected bonafide or spoof")
    if (attack in absent) != (key == "bonafide"):
        raise Refused(f"{place} is {key} with the attack {attack!r}, expected {absent[0]} for bona fide speech alone")
    return None if key == "bonafide" else attack


def finite(score: str, place: str) -> float:
    """A score as a number. Raises Refused, with the place, for what is none, or not finite."""
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(f"{place} has the score {score!r}, expected a finite number")
    return value


def table(rows: Iterable[tuple[str, Row]], columns: list[str]) -> pd.DataFrame:
    """A table of what is said of each utterance. Raises Refused, with the place, for an id that is listed twice."""
    found: dict[str, Row] = {}
    for place, row in rows:
        if row[0] in found:
            raise Refused(f"{place} lists {row[0]} for the second time, expected each utterance once")
        found[row[0]] = row
    return pd.DataFrame(list(found.values()), columns=columns, dtype=object)


def refuse_ids_in_two_splits(trials: pd.DataFrame) -> None:
    """Raises Refused, with the first of them."""
    twice = trials[trials["id"].duplicated(keep=False)].sort_values("id", kind="stable")
    if len(twice):
        utterance, splits = twice["id"].iloc[0], " and ".join(twice["split"].iloc[:2])
        raise Refused(f"utterance {utterance} is listed in the protocols of {splits}, expected in one split")


def recordings(base: Path, folder: str, published: str, left_out: LeftOut) -> dict[str, File]:
    """Path below `base` and size (bytes) of every recording in its folder `folder`, by name without ending.

    published: the format (a file name ending) that goes before others; what else lies there is added to `left_out`.
    """
    files, others = listing.audio_files(base / folder)
    within = PurePosixPath(folder)
    for reason, names in others.items():
        left_out.setdefault(reason, []).extend((within / name).as_posix() for name in names)
    named = [(path.stem, within / path, size) for path, size in files]
    return listing.one_file_each(base, named, left_out, published)


def located(
    trials: pd.DataFrame, files: Mapping[str, dict[str, File]], root: Path, expected: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """The trials with the columns path and bytes; the recordings that are absent, and those that no protocol lists
    (`extra`).

    files     of each split, its own or one that several share; by the utterance's name, which is taken out of it
    expected  of each split, the path of a recording that is not there, with {} for its name
    """
    paths, sizes = [], []
    for split, utterance in zip(trials["split"], trials["id"], strict=True):
        path, size = files[split].pop(utterance, (expected[split].format(utterance), None))
        paths.append(f"{root.as_posix()}/{path}")
        sizes.append(size)
    left = {id(table): table for table in files.values()}
    extra = sorted(str(path) for table in left.values() for path, _ in table.values())
    trials = trials.assign(path=pd.Series(paths, dtype=object), bytes=pd.array(sizes, dtype="Int64"))
    return trials, {"absent": list(trials.loc[trials["bytes"].isna(), "path"]), "extra": extra}


def report(trials: pd.DataFrame, files: Mapping[str, list[str]], left_out: LeftOut) -> dict[str, Any]:
    """Counts by split and attack, who speaks in which split, and what is absent, extra or was left out."""
    speakers = {split: set(rows["speaker"]) for split, rows in trials.groupby("split")}
    shared = {f"{a}, {b}": sorted(speakers.get(a, set()) & speakers.get(b, set())) for a, b in combinations(SPLITS, 2)}
    left = {reason: listing.summary(names) for reason, names in sorted(left_out.items())}
    return {
        "trials": counts(trials["split"], trials["attack"].fillna(trials["label"])),
        "speakers": {split: len(speakers[split]) for split in SPLITS if split in speakers},
        "shared_speakers": {pair: names for pair, names in shared.items() if names},
        **{kind: listing.summary(names) for kind, names in files.items()},
    } | ({"left_out": left} if left else {})


def counts(splits: pd.Series, kinds: pd.Series) -> dict[str, dict[str, int]]:
    """How many there are of each kind in each split."""
    found = Counter(zip(splits, kinds, strict=True))
    present = [split for split in SPLITS if split in set(splits)]
    return {split: {kind: found[split, kind] for other, kind in sorted(found) if other == split} for split in present}


def departures(
    found: Mapping[str, Mapping[str, int]], published: Mapping[str, Mapping[str, int]], what: str
) -> list[str]:
    """Every count that is not the published one, as a sentence; `what` is counted."""
    said = []
    for split, expected in published.items():
        present = found.get(split, {})
        for kind in sorted({*expected, *present}):
            has, wants = present.get(kind, 0), expected.get(kind, 0)
            if has != wants:
                said.append(f"{split} has {has} {kind} {what}, published are {wants}")
    return said
