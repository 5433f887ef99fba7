"""What the tracks of ASVspoof 2021 share: one table of keys, of which the subset `eval` is what is scored.

    <track>/CM/trial_metadata.txt                  SPEAKER TRIAL ... ATTACK KEY TRIM SUBSET ..., in any folder
    <track>/ASV/trial_metadata.txt, ASVTorch_Kaldi/score.txt    of an ASV system, where the track has them
    ASVspoof2021_<track>_eval/flac/<trial>.flac    in any folder

There is no train or dev split: countermeasures learn from ASVspoof 2019 LA.

Source: Liu et al., "ASVspoof 2021: towards spoofed and deepfake speech detection in the wild", IEEE/ACM Trans. ASLP 31,
2023, and its package (github.com/asvspoof-challenge/2021, eval-package).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.corpora import listing, protocols
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut

SUBSETS = ("eval", "progress", "hidden")
TRIALS, SCORES = "trial_metadata.txt", "score.txt"
FORMAT = "flac"
ASV_FORM = "SPEAKER TRIAL CODEC TRANSMISSION ATTACK KEY TRIM SUBSET"
ASV_KEYS = ("target", "nontarget", "spoof")


@dataclass(frozen=True)
class Track:
    """name: LA or DF; form: the columns of its keys, in capitals; groups: column of the form -> column to break results
    down by; published: how many trials there are in all, and in the subset `eval`; get: where from."""

    name: str
    form: str
    groups: Mapping[str, str]
    published: tuple[int, int]
    get: str

    @property
    def audio(self) -> str:
        """The folder that recordings are published in."""
        return f"ASVspoof2021_{self.name}_eval/flac"


@dataclass(frozen=True)
class Options:
    """Where the corpus is, and what of it is read.

    root              the folder that holds keys and recordings
    subsets           of the trials: eval is what papers report; progress, hidden
    official          compare counts with the published ones
    allow_departures  go on where counts differ, or recordings are absent
    """

    root: str
    subsets: tuple[str, ...]
    official: bool
    allow_departures: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, SUBSETS, "subsets")
        bounds.not_empty(self, "subsets")


def provide(folder: Path, options: Options, track: Track) -> None:
    """Check that the keys are on disk; absent audio is counted by `read`. Raises CorpusMissing."""
    _keys(folder / options.root, track)


def read(folder: Path, options: Options, track: Track) -> Corpus:
    """Read the keys, and find the recordings.

    trials, all of the split eval, has the extra columns attack (None for bona fide speech), trim, subset and those of
    the track's groups; tables has "asv", where the track's ASV scores are on disk (see `readers.asvspoof2019_la`).

    Raises CorpusMissing without the keys; Refused, with file and line, for a line that is not in the published form.
    """
    base = folder / options.root
    listed = protocols.table(_rows(_keys(base, track), track), _columns(track))
    trials = listed[listed["subset"].isin(options.subsets)].reset_index(drop=True)
    left_out: LeftOut = {}
    files = protocols.recordings(base, "", FORMAT, left_out)
    left_out.pop(listing.NOT_AUDIO, None)  # the keys, and what else the corpus consists of
    for name in set(listed["id"]) - set(trials["id"]):
        files.pop(name, None)  # of another subset: neither used nor extra
    expected = {"eval": f"{track.audio}/{{}}.{FORMAT}"}
    trials, found = protocols.located(trials, {"eval": files}, Path(options.root), expected)
    report = protocols.report(trials, found, left_out)
    report["subsets"] = listed["subset"].value_counts().sort_index().to_dict()
    departures = _departures(listed, track) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    asv = _asv(base, track, options)
    if asv is not None:
        report["asv"] = protocols.counts(asv["split"], asv["key"])
    return Corpus(trials, {} if asv is None else {"asv": asv}, report, departures=departures)


def _keys(base: Path, track: Track) -> Path:
    """The track's table of keys. Raises CorpusMissing."""
    paths = _called(base, TRIALS, track, "CM")
    if not paths:
        raise CorpusMissing.at(
            base / track.name / "CM" / TRIALS, what=f"ASVspoof 2021 {track.name}'s keys", get=track.get, put=str(base)
        )
    return paths[0]


def _called(base: Path, name: str, track: Track, part: str) -> list[Path]:
    """Files of that name in the folder `part` of the track's keys."""
    found = listing.called(base, [name])[name]
    return [path for path in found if f"{track.name}/{part}/" in path.relative_to(base.parent).as_posix()]


def _columns(track: Track) -> list[str]:
    return ["id", "split", "speaker", "label", "attack", "trim", "subset", *track.groups.values()]


def _rows(path: Path, track: Track) -> Iterator[tuple[str, tuple]]:
    names = track.form.split()
    at = {name: place for place, name in enumerate(names)}
    groups = [at[name] for name in track.groups]
    for place, columns in protocols.lines(path, track.form):
        subset = columns[at["SUBSET"]]
        if subset not in SUBSETS:
            raise Refused(f"{place} has the subset {subset!r}, expected {', '.join(SUBSETS)}")
        key = columns[at["KEY"]]
        attack = protocols.attack_of(columns[at["ATTACK"]], key, place)
        said = (columns[at[name]] for name in ("TRIM", "SUBSET"))
        more = (None if columns[i] in protocols.NO_ATTACK else columns[i] for i in groups)
        yield place, (columns[at["TRIAL"]], "eval", columns[at["SPEAKER"]], key, attack, *said, *more)


def _asv(base: Path, track: Track, options: Options) -> pd.DataFrame | None:
    """The scores of the track's ASV system, of the subsets; None where they are not on disk.

    Raises Refused, with file and line, where trials and scores do not match.
    """
    trials, scores = (_called(base, name, track, "ASV") for name in (TRIALS, SCORES))
    if not (trials and scores):
        return None
    scored = protocols.lines(scores[0], "SPEAKER TRIAL SCORE")
    known = {(speaker, trial): protocols.finite(text, place) for place, (speaker, trial, text) in scored}
    rows = []
    for place, (speaker, trial, _, _, attack, key, _, subset) in protocols.lines(trials[0], ASV_FORM):
        if key not in ASV_KEYS:
            raise Refused(f"{place} has the key {key!r}, expected {', '.join(ASV_KEYS)}")
        if (speaker, trial) not in known:
            raise Refused(f"{place} has no score in {scores[0]}")
        if subset in options.subsets:
            rows.append(("eval", attack if key == "spoof" else None, key, known[speaker, trial]))
    table = pd.DataFrame(rows, columns=["split", "attack", "key", "score"], dtype=object)
    return table.astype({"score": float})


def _departures(listed: pd.DataFrame, track: Track) -> tuple[str, ...]:
    found = {"trials": len(listed), "trials of the subset eval": int((listed["subset"] == "eval").sum())}
    pairs = zip(found.items(), track.published, strict=True)
    return tuple(f"there are {count} {what}, published are {wants}" for (what, count), wants in pairs if count != wants)
