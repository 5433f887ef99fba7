"""DEAM, the MediaEval Database for Emotional Analysis of Music: 1,802 excerpts and songs with valence and arousal.

    MEMD_audio/10.mp3                                   45 s of a song; of songs 2001 to 2058 all
    annotations/annotations averaged per song/
        song_level/static_annotations_averaged_songs_1_2000.csv, ..._2000_2058.csv
        dynamic (per second annotations)/valence.csv, arousal.csv
    metadata/metadata_{2013,2014,2015}.csv              song number and artist, among others
    train.txt, validation.txt, test.txt                 numbers of the songs, one a line: the public split

in any nesting of folders (DEAM_Annotations/annotations, MEMD_audio/MEMD_audio) and any audio format. Columns are found
by their names: song_id, valence_mean, valence_std, arousal_mean, arousal_std, on a scale from 1 to 9, here (x - 5) / 4.
The merged table of the public split's repository, static_annotations.csv, will do in place of the two.

In songs 1 to 1000 the published columns are interchanged: their valence_mean is what emoMusic, the same songs and
ratings, calls mean_arousal, and correlates .96 with the labels of arousal along the songs and .58 with those of
valence. The columns are read as published, as the public split's repository reads them; Options.swap interchanges them.

Source: Aljanaki, Yang and Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 12(3), 2017.
Songs 1 to 1000: Soleymani et al., "1000 songs for emotional analysis of music", CrowdMM 2013. Public split:
github.com/AMAAI-Lab/Music2Emotion, dataset/deam/meta/split.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core import bounds, streams, texts
from voxdag.core.errors import Refused
from voxdag.corpora import dynamics, listing
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.emotional import rotation
from voxdag.corpora.listing import File, LeftOut
from voxdag.data.folds import Fold

NAME = "DEAM"
GET = (
    "https://cvml.unige.ch/databases/DEAM (DEAM_audio.zip, DEAM_Annotations.zip, metadata.zip; not for commercial use)"
)
GET_LISTS = "https://github.com/AMAAI-Lab/Music2Emotion (dataset/deam/meta/split), or draw folds (split: folds)"
TABLES = ("static_annotations_averaged_songs_1_2000.csv", "static_annotations_averaged_songs_2000_2058.csv")
MERGED = "static_annotations.csv"
LABELS = ("valence_mean", "valence_std", "arousal_mean", "arousal_std")
LISTS = {"train": "train.txt", "dev": "validation.txt", "eval": "test.txt"}
METADATA = {"metadata_2013.csv": ("song_id", "Artist"), "metadata_2014.csv": ("Id", "Artist")}
METADATA |= {"metadata_2015.csv": ("id", "artist")}
AUDIO, FORMAT = "MEMD_audio", "mp3"  # folder and ending of the published recordings
RANGES = ((1, 1000), (1001, 2000), (2001, 2058))  # of song numbers: what was published together
RATED_TOGETHER = 2000  # the last song of which `annotators` is said
PUBLISHED = (744, 1000, 58)  # songs of each range
PUBLISHED_SPLIT = {"train": 1261, "dev": 271, "eval": 270}
DIGITS = 18  # of a song's number at most
SHOWN = 40  # characters of what is no number, in a message
LEAST, MOST, MIDDLE, HALF = 1.0, 9.0, 5.0, 4.0  # of the scale; its middle and half its width
SPLITS, SPEAKERS = ("public", "folds"), ("song", "artist")
COLUMNS = {
    **dict.fromkeys(("id", "path", "speaker", "song"), object),
    **dict.fromkeys(("valence", "arousal", "valence_sd", "arousal_sd", "annotators"), float),
    "bytes": "Int64",
}
OTHER_NAME, NO_LABELS, NO_LIST = "a name of another form", "no labels", "in no list of the public split"

Labels = tuple[float, ...]  # in the order of LABELS, on the scale from 1 to 9


@dataclass(frozen=True)
class Options:
    """Where the corpus is, how it is split, and what is known of its labels.

    root              its folder
    split             public: its three lists; folds: a cross-validation
    folds             how many are drawn, by `seed`; each is in eval once, and the next one in dev
    seed              of the folds
    speaker           what no two splits share and intervals are clustered by: song, or artist (read from the metadata)
    annotators        who rated each of songs 1 to 2000: a number, from which the ceiling is found; None: unknown
    swap              ranges [first, last] of song numbers whose valence and arousal are interchanged
    official          list every departure from the published counts
    allow_departures  go on where there are some
    """

    root: str
    split: str
    folds: int
    seed: int
    speaker: str
    annotators: int | None
    swap: tuple[tuple[int, int], ...]
    official: bool
    allow_departures: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, SPLITS, "split")
        bounds.one_of(self, SPEAKERS, "speaker")
        bounds.at_least(self, 3, "folds")
        bounds.at_least(self, 1, "annotators")
        for first, last in self.swap:
            if not 1 <= first <= last:
                raise Refused(f"swap has the range {[first, last]}, expected the first and the last song's number")


def provide(folder: Path, options: Options) -> None:
    """Check that the annotations are on disk; absent audio is counted by `read`, not refused here.

    Raises CorpusMissing.
    """
    _tables(folder / options.root)


def read(folder: Path, options: Options) -> Corpus:
    """Read the annotations and find the songs' audio.

    Columns of trials: id and song, the song's number as text; path; speaker; valence, arousal, and the standard
    deviations of their ratings; annotators; bytes; split, where it is the public one.

    Raises CorpusMissing without annotations, lists or metadata that the options ask for; Refused, with file and song,
    for a label that is no number of the scale, a song with two labels, a list's song that has none or is in two lists.
    """
    base = folder / options.root
    labels = _swapped(_labels(_tables(base)), options)
    dynamic = _dynamic(base, labels)
    artists = _artists(base) if options.speaker == "artist" else {}
    left_out: LeftOut = {}
    audio = _audio(base, labels, left_out)
    rows = [_row(song, labels[song], artists, _file(options, audio, song), options) for song in sorted(labels, key=int)]
    trials = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    unlisted: list[str] = []
    if options.split == "public":
        trials, unlisted = _listed(trials, _lists(base, labels))
    report = _report(trials, left_out) | {
        "unlisted": listing.summary(unlisted),
        "swapped": [list(pair) for pair in options.swap],
        "dynamic": dynamic,
    }
    if options.speaker == "artist":
        report["artist_unknown"] = listing.summary([song for song in trials["song"] if song not in artists])
    departures = _departures(labels, trials, options) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    folds = draw_folds(trials, options.folds, options.seed) if options.split == "folds" else ()
    return Corpus(trials, {}, report, folds, departures)


def draw_folds(trials: pd.DataFrame, count: int, seed: int) -> tuple[Fold, ...]:
    """`count` folds over the speakers (songs or artists), equal in recordings as far as speakers allow; "1", "2", ...

    Speakers are dealt in a drawn order, those with more recordings first, to the group that has the fewest.

    Raises Refused for fewer speakers than folds.
    """
    sizes = trials["speaker"].value_counts().sort_index()
    if len(sizes) < count:
        raise Refused(f"folds is {count}, and there are {len(sizes)} songs or artists; expected one each at least")
    drawn = sizes.iloc[streams.generator(seed, "folds").permutation(len(sizes))].sort_values(
        ascending=False, kind="stable"
    )
    groups: dict[str, list[str]] = {str(k + 1): [] for k in range(count)}
    filled = dict.fromkeys(groups, 0)
    for speaker, size in drawn.items():
        name = min(filled, key=filled.__getitem__)
        groups[name].append(str(speaker))
        filled[name] += size
    return rotation(groups)


# --- labels ---


def _tables(base: Path) -> list[Path]:
    """The tables of labels, or the merged one where they are not there. Raises CorpusMissing."""
    found = listing.called(base, TABLES)
    paths = [path for name in TABLES for path in found[name]] or listing.called(base, [MERGED])[MERGED]
    if paths:
        return paths
    inside = listing.in_words(listing.audio_files(base)[1]) if base.is_dir() else ""
    raise CorpusMissing.at(base, what=f"{NAME}'s annotations", get=GET, put=str(base), found=inside)


def _labels(tables: list[Path]) -> dict[str, Labels]:
    """Labels by song. A table that lists a song as another does is its second copy."""
    labels: dict[str, Labels] = {}
    for path in tables:
        for place, (song, *values) in texts.rows(path, ["song_id", *LABELS]):
            number = _number(song, place)
            rated = tuple(
                _rating(value, f"{place}: song {number} has {name}", "std" in name)
                for name, value in zip(LABELS, values, strict=True)
            )
            if str(labels.setdefault(number, rated)) != str(rated):  # as text: a missing value equals another
                raise Refused(f"{place}: song {number} is rated {values}, and otherwise above; expected each song once")
    return labels


def _number(text: str, place: str) -> str:
    number = _song(text)
    if number is None:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise Refused(f"{place}: {shown!r} is no song, expected its number")
    return number


def _song(text: str) -> str | None:
    """The number of a song, as it is compared: without zeros before it; None for what is none."""
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def _rating(text: str, what: str, spread: bool) -> float:
    """A mean on the scale, or a standard deviation of ratings: the latter may be missing."""
    least, most = (0.0, MOST - LEAST) if spread else (LEAST, MOST)
    try:
        value = float(text or "nan")
    except ValueError:
        raise Refused(f"{what} {text!r}, expected a number from {least:g} to {most:g}") from None
    if not (least <= value <= most or (spread and math.isnan(value))):
        raise Refused(f"{what} {text or 'nothing'}, expected a number from {least:g} to {most:g}")
    return value


def _swapped(labels: Mapping[str, Labels], options: Options) -> dict[str, Labels]:
    """The labels, with valence and arousal interchanged where the options say so."""
    return {
        song: (*rated[2:], *rated[:2]) if any(first <= int(song) <= last for first, last in options.swap) else rated
        for song, rated in labels.items()
    }


def _dynamic(base: Path, labels: Mapping[str, Labels]) -> list[dict] | None:
    """How the labels agree with those along the songs; None where these are not there."""
    names = {dimension: f"{dimension}.csv" for dimension in dynamics.DIMENSIONS}
    found = listing.called(base, names.values())
    folders = [path.parent for path in found["valence.csv"] if path.with_name("arousal.csv") in found["arousal.csv"]]
    if not folders:
        return None
    along = {dimension: dynamics.song_means(folders[0] / name) for dimension, name in names.items()}
    rows = [{"song": song, "valence": rated[0], "arousal": rated[2]} for song, rated in labels.items()]
    compared = dynamics.compare(pd.DataFrame(rows), along, RANGES)
    dynamics.warn(compared, base)
    return compared


def _artists(base: Path) -> dict[str, str]:
    """The artist of each song that the metadata name one of; names are compared without case and outer quotes."""
    found = listing.called(base, METADATA)
    if not any(found.values()):
        raise CorpusMissing.at(
            base, what=f"{NAME}'s metadata (speaker: artist)", get=GET, put=str(base / "metadata"), found=""
        )
    artists: dict[str, str] = {}
    for name, columns in METADATA.items():
        for path in found[name][:1]:
            for place, (song, artist) in texts.rows(path, columns):
                named = " ".join(artist.replace('"', " ").casefold().split())
                if named:
                    artists[_number(song, place)] = named
    return artists


# --- recordings ---


def _audio(base: Path, labels: Mapping[str, Labels], left_out: LeftOut) -> dict[str, File]:
    """The recording of each song with labels; the other files are added to `left_out`."""
    files, others = listing.audio_files(base)
    # What is no audio are the annotations, features and metadata that the corpus consists of.
    left_out.update({reason: names for reason, names in others.items() if reason != listing.NOT_AUDIO})
    named: list[tuple[str, PurePosixPath, int | None]] = []
    for path, size in files:
        song = _song(path.stem)
        if song in labels:
            named.append((song, path, size))  # type: ignore[arg-type]
        else:
            left_out.setdefault(NO_LABELS if song else OTHER_NAME, []).append(path.as_posix())
    return listing.one_file_each(base, named, left_out, FORMAT)


def _file(options: Options, audio: Mapping[str, File], song: str) -> File:
    """Path below the corpora folder, and bytes; where a song has no recording, the path that it is published under."""
    path, size = audio.get(song, (PurePosixPath(AUDIO, f"{song}.{FORMAT}"), None))
    return PurePosixPath(options.root) / path, size


def _row(song: str, rated: Labels, artists: Mapping[str, str], file: File, options: Options) -> dict[str, object]:
    known = options.annotators if int(song) <= RATED_TOGETHER else None
    return {
        **{"id": song, "path": file[0].as_posix(), "speaker": artists.get(song, song), "song": song},
        **{"valence": (rated[0] - MIDDLE) / HALF, "valence_sd": rated[1] / HALF},
        **{"arousal": (rated[2] - MIDDLE) / HALF, "arousal_sd": rated[3] / HALF},
        **{"annotators": known, "bytes": file[1]},
    }


# --- the public split ---


def _lists(base: Path, labels: Mapping[str, Labels]) -> dict[str, str]:
    """The split of each song that the lists name. Raises CorpusMissing without one of the lists."""
    found = listing.called(base, LISTS.values())
    split_of: dict[str, str] = {}
    for split, name in LISTS.items():
        if not found[name]:
            raise CorpusMissing.at(base / name, what=f"{NAME}'s public split", get=GET_LISTS, put=str(base / name))
        for number, line in texts.lines(found[name][0]):
            place = f"{found[name][0]}:{number}"
            song = _number(line.strip(), place)
            if song not in labels:
                raise Refused(f"{place}: song {song} has no labels, expected one of the {len(labels)} that have")
            if split_of.setdefault(song, split) != split:
                raise Refused(f"{place}: song {song} is in {split_of[song]} too, expected it in one split")
    return split_of


def _listed(trials: pd.DataFrame, split_of: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """The trials of the lists, with their split; and the songs that no list names."""
    split = trials["song"].map(split_of)
    return trials.assign(split=split)[split.notna()].reset_index(drop=True), list(trials["song"][split.isna()])


# --- the report ---


def _report(trials: pd.DataFrame, left_out: LeftOut) -> dict[str, object]:
    """Counts, the labels' distribution on the scale from -1 to 1, and what is absent and was left out."""
    splits = Counter(trials["split"]) if "split" in trials else {"all": len(trials)}
    about = {
        name: {"mean": float(trials[name].mean()), "sd": float(trials[name].std(ddof=0))}
        for name in dynamics.DIMENSIONS
    }
    varied = len(trials) > 1 and (trials[["valence", "arousal"]].nunique() > 1).all()
    return {
        "trials": dict(splits),
        "speakers": trials["speaker"].nunique(),
        "labels": about | {"correlation": float(trials["valence"].corr(trials["arousal"])) if varied else None},
        "absent": listing.summary(list(trials.loc[trials["bytes"].isna(), "path"])),
        "left_out": {reason: listing.summary(names) for reason, names in sorted(left_out.items())},
    }


def _departures(labels: Mapping[str, Labels], trials: pd.DataFrame, options: Options) -> tuple[str, ...]:
    """Every count that is not the published one, as a sentence; recordings in several formats."""
    songs = [int(song) for song in labels]
    inside = (sum(first <= song <= last for song in songs) for first, last in RANGES)
    counts = [
        (f"of songs {first} to {last} there are", present, count)
        for (first, last), present, count in zip(RANGES, inside, PUBLISHED, strict=True)
    ]
    if options.split == "public":
        listed = Counter(trials["split"])
        counts += [(f"of {split} there are", listed[split], count) for split, count in PUBLISHED_SPLIT.items()]
    found = [f"{what} {present}, published are {count}" for what, present, count in counts if present != count]
    formats = Counter(PurePosixPath(path).suffix.lower() for path in trials["path"][trials["bytes"].notna()])
    if len(formats) > 1:
        names = ", ".join(f"{count} {name.lstrip('.')}" for name, count in formats.most_common())
        found.append(f"the recordings are of {len(formats)} formats ({names}), published is one")
    return tuple(found)
