"""What the readers of noisy and clean pairs share: files by what their names say, the table of pairs, the report.

A pair is one utterance: a noisy file (column path) and the clean one in it (column clean). Where one of the two is not
on disk its size is missing, and `prepare` tells it as an absent recording, by that file's path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.corpora import files, listing
from voxdag.corpora.listing import File, LeftOut

SPLITS = ("train", "dev", "eval")
COLUMNS = {
    **dict.fromkeys(("id", "path", "clean", "split", "speaker", "noise"), object),
    **{"snr": float, "bytes": "Int64", "clean_bytes": "Int64"},
}
FORMAT = "wav"  # of the published recordings of these corpora
OTHER_NAME = "a name of another form"
UNPAIRED = "a clean file without a noisy one"

Key = Callable[[str], str | None]  # a file's name without its ending -> what it is matched by; None: another form


@dataclass(frozen=True)
class Pair:
    """One utterance; paths are below the corpora folder, sizes (bytes) None of files that are not on disk.

    noise  its type; None where the corpus does not say
    snr    dB; likewise
    """

    id: str
    split: str
    speaker: str
    noise: str | None
    snr: float | None
    noisy: File
    clean: File

    def row(self) -> dict[str, object]:
        """The row of the table of pairs."""
        files = {"path": self.noisy[0].as_posix(), "clean": self.clean[0].as_posix()}
        about = {name: getattr(self, name) for name in ("id", "split", "speaker", "noise", "snr")}
        return about | files | {"bytes": self.noisy[1], "clean_bytes": self.clean[1]}


def table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """The trials of a corpus of pairs: COLUMNS, by split and id."""
    rows = pd.DataFrame([pair.row() for pair in pairs], columns=list(COLUMNS)).astype(COLUMNS)
    order = rows["split"].map(SPLITS.index)
    return rows.assign(order=order).sort_values(["order", "id"], ignore_index=True).drop(columns="order")


def files_by(key: Key, folder: Path, place: PurePosixPath, left_out: LeftOut) -> dict[str, File]:
    """The audio in `place`, below `folder`, by what `key` makes of the names; paths are below `folder`.

    What else lies there is added to `left_out`. Raises Refused as `listing.one_file_each` does.
    """
    found, others = listing.audio_files(folder / place)
    for reason, names in others.items():
        left_out.setdefault(reason, []).extend(f"{place}/{name}" for name in names)
    named = []
    for path, size in found:
        name = key(path.stem)
        if name is None:
            left_out.setdefault(OTHER_NAME, []).append(f"{place}/{path}")
        else:
            named.append((name, place / path, size))
    return listing.one_file_each(folder, named, left_out, FORMAT)


def match(pattern: re.Pattern, group: int | str = 0) -> Key:
    """A key: what `pattern` finds in a name that is of its form throughout, or the group of it."""

    def key(name: str) -> str | None:
        found = pattern.fullmatch(name)
        return found[group] if found else None

    return key


def unpaired(clean: Mapping[str, File], used: Collection[str], left_out: LeftOut) -> None:
    """Add the clean files that belong to no noisy one to `left_out`."""
    lonely = [path.as_posix() for name, (path, _) in clean.items() if name not in used]
    if lonely:
        left_out.setdefault(UNPAIRED, []).extend(lonely)


def hold_out(names: Collection[str], share: float, seed: int, *purpose: object) -> frozenset[str]:
    """A `share` of `names`, drawn by (seed, purpose): at least one, and never all.

    Raises Refused for fewer than two names.
    """
    listed = sorted(names)
    if len(listed) < 2:
        raise Refused(f"{' '.join(map(str, purpose))}: {len(listed)} to hold out from, expected 2 or more")
    count = min(max(1, round(share * len(listed))), len(listed) - 1)
    drawn = streams.generator(seed, "hold out", *purpose).permutation(len(listed))[:count]
    return frozenset(listed[k] for k in drawn)


def report(trials: pd.DataFrame, left_out: LeftOut) -> dict[str, object]:
    """Counts by split, of speakers, types of noise and SNRs; what is unknown, absent, and was left out."""
    by_split = {split: rows for split, rows in trials.groupby("split")}
    present = {split: by_split[split] for split in SPLITS if split in by_split}
    return {
        "trials": {split: len(rows) for split, rows in present.items()},
        "speakers": {split: rows["speaker"].nunique() for split, rows in present.items()},
        "noises": {split: _counts(rows["noise"]) for split, rows in present.items()},
        "snrs": {split: _counts(rows["snr"]) for split, rows in present.items()},
        "noise_unknown": int(trials["noise"].isna().sum()),
        "snr_unknown": int(trials["snr"].isna().sum()),
        "absent": listing.summary(files.absent(trials).dropna().tolist()),
        "left_out": {reason: listing.summary(names) for reason, names in sorted(left_out.items())},
    }


def _counts(values: pd.Series) -> dict[str, int]:
    counted = Counter(values.dropna())
    return {_text(value): counted[value] for value in sorted(counted)}


def _text(value: object) -> str:
    return np.format_float_positional(value, trim="-") if isinstance(value, float) else str(value)
