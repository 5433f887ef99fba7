"""In-the-Wild: real and synthetic speech of 58 public figures, collected from the internet.

    release_in_the_wild/meta.csv            file,speaker,label      label: bona-fide (with a hyphen) or spoof
    release_in_the_wild/{0..31778}.wav

in any folder. All of it is eval. What made its spoofs is not known: they have no attack.

Source: Mueller et al., "Does audio deepfake detection generalize?", Interspeech 2022, arXiv 2203.16263.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from voxdag.core import texts
from voxdag.core.errors import Refused
from voxdag.corpora import listing, protocols
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut

META = "meta.csv"
FORMAT = "wav"
LABELS = {"bona-fide": "bonafide", "spoof": "spoof"}
PUBLISHED = 31_779  # clips


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and whether it is the published one.

    root              the folder that holds meta.csv, or a folder that holds it
    official          compare the number of clips with the published one
    allow_departures  go on where it differs, or clips are absent
    """

    root: str
    official: bool
    allow_departures: bool


def provide(folder: Path, options: Options) -> None:
    """Check that meta.csv is on disk; absent audio is counted by `read`. Raises CorpusMissing."""
    _root(folder, options)


def read(folder: Path, options: Options) -> Corpus:
    """Read meta.csv and find the clips; attack is None of all.

    Raises CorpusMissing without meta.csv; Refused, with file and line, for another label or a file listed twice.
    """
    root = _root(folder, options)
    rows = _rows(folder / root / META)
    trials = protocols.table(rows, ["id", "split", "speaker", "label", "attack"])
    left_out: LeftOut = {}
    files = protocols.recordings(folder / root, "", FORMAT, left_out)
    left_out.pop(listing.NOT_AUDIO, None)  # meta.csv
    trials, found = protocols.located(trials, {"eval": files}, root, {"eval": f"{{}}.{FORMAT}"})
    report = protocols.report(trials, found, left_out)
    departures = None
    if options.official:
        count = len(trials)
        departures = () if count == PUBLISHED else (f"there are {count} clips, published are {PUBLISHED}",)
        report["departures"] = list(departures)
    return Corpus(trials, {}, report, departures=departures)


def _root(folder: Path, options: Options) -> Path:
    """The folder of meta.csv, relative to the corpora folder (or absolute, as given). Raises CorpusMissing."""
    root = Path(options.root)
    held = listing.holding(folder / root, META)
    if held is None:
        raise CorpusMissing.at(
            folder / root / META,
            what="In-the-Wild",
            get="https://huggingface.co/datasets/mueller91/In-The-Wild (release_in_the_wild.zip, CC BY-SA 4.0)",
            put=str(folder / root),
        )
    return root / held


def _rows(path: Path) -> Iterator[tuple[str, tuple]]:
    for place, (file, speaker, label) in texts.rows(path, ["file", "speaker", "label"]):
        if label not in LABELS:
            raise Refused(f"{place}: {file} has the label {label!r}, expected {' or '.join(LABELS)}")
        yield place, (PurePosixPath(file).stem, "eval", speaker, LABELS[label], None)
