"""What the readers of emotional speech corpora share: options, the walk over files, folds by speaker, the report.

A reader says what was published of its corpus (`Published`) and how one file name is understood (`Parse`); `provide`
and `read` do the rest, and are the reader's own once these two are filled in (`functools.partial`). No such corpus has
a fixed split: each comes with a cross-validation by speaker instead (`Corpus.folds`), whose folds are called "1", "2",
and so on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import Corpus, CorpusMissing
from voxdag.corpora.listing import LeftOut, audio_files, in_words, one_file_each, summary
from voxdag.data.folds import Fold

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "bored")
COLUMNS = ["id", "path", "speaker", "label", "sex", "intensity", "sentence", "bytes"]
FOLDS = ("standard", "leave_one_speaker_out")
FEWEST_SPEAKERS = 3  # one each for train, dev and eval
OTHER_NAME = "a name of another form"
FORMAT = "wav"  # of the published recordings of these corpora


@dataclass(frozen=True)
class Options:
    """Where the corpus is, what of it is kept, and how it is cross-validated.

    root              its folder
    labels            keep these labels only; None: all that the corpus defines
    speakers          keep these speakers only; None: all
    folds             "standard", the corpus's own scheme, or "leave_one_speaker_out"
    official          list every departure from the published counts
    allow_departures  go on where there are some
    """

    root: str
    labels: tuple[str, ...] | None
    speakers: tuple[str, ...] | None
    folds: str
    official: bool
    allow_departures: bool

    def __post_init__(self) -> None:
        bounds.one_of(self, FOLDS, "folds")


@dataclass(frozen=True)
class Published:
    """What was published of a corpus.

    name       of the corpus
    get        where it is to be had, and its licence
    labels     label -> number of utterances, in the order of LABELS
    sexes      speaker -> sex, in the order of the corpus's own numbering
    speakers   speaker -> number of utterances; empty where that is not published for these labels
    standard   the folds of the standard scheme, over all speakers
    sentences  which texts are said in more than one split, as a sentence of the report
    expected   what is looked for, shown where there is none of it
    """

    name: str
    get: str
    labels: Mapping[str, int]
    sexes: Mapping[str, str]
    speakers: Mapping[str, int]
    standard: tuple[Fold, ...]
    sentences: str
    expected: str = ""


@dataclass(frozen=True)
class Utterance:
    """What a file name, or a protocol, says of an utterance; intensity is None where the corpus has none."""

    id: str
    speaker: str
    label: str
    intensity: str | None
    sentence: str


Parse = Callable[[PurePosixPath], Utterance | str]  # a str is the reason why the file is left out


def provide(folder: Path, options: Options, published: Published) -> None:
    """Check that the corpus's folder is there. Raises CorpusMissing."""
    if not (folder / options.root).is_dir():
        raise missing(folder, options, published)


def missing(folder: Path, options: Options, published: Published, left_out: LeftOut | None = None) -> CorpusMissing:
    """The error that says where to get the corpus and where to put it, and what is there instead (`left_out`)."""
    base = folder / options.root
    found = f"{in_words(left_out)}; expected {published.expected}" if left_out else ""
    return CorpusMissing.at(base, what=published.name, get=published.get, put=str(base), found=found)


def read(folder: Path, options: Options, published: Published, parse: Parse, under: str = ".") -> Corpus:
    """Read a corpus whose file names say everything, from any nesting of folders in the folder `under` of the root.

    Raises CorpusMissing where there is no utterance, and Refused for wrong options, a file name (which it names) with a
    code that the corpus does not define, or two different files of one utterance.
    """
    check(options, published)
    root = Path(options.root) / under
    files, left_out = audio_files(folder / root)
    utterances, named = {}, []
    for path, size in files:
        parsed = parse(path)
        if isinstance(parsed, str):
            left_out.setdefault(parsed, []).append(path.as_posix())
        else:
            utterances[parsed.id] = parsed
            named.append((parsed.id, path, size))
    if not utterances:
        raise missing(folder, options, published, left_out)
    recordings = one_file_each(folder / root, named, left_out, FORMAT)
    rows = [asdict(utterances[name]) | located(root, *recordings[name]) for name in utterances]
    return corpus(rows, left_out, options, published)


def check(options: Options, published: Published) -> None:
    """Raises Refused for a label or speaker that the corpus does not define, with the valid ones."""
    for label in options.labels or ():
        known(published.labels, label, "label", published.name)
    for speaker in options.speakers or ():
        known(published.sexes, speaker, "speaker", published.name)


def known(codes: Collection[str], code: str, what: str, where: object) -> str:
    """`code`, if it is one of `codes`. Raises Refused, naming `where` and the valid codes."""
    if code not in codes:
        raise Refused(f"{where}: unknown {what} {code!r}, expected one of {', '.join(codes)}")
    return code


def located(root: Path, path: PurePosixPath, size: int | None) -> dict[str, object]:
    """The columns path and bytes of a file that lies at `path` below the folder `root` of the corpora folder."""
    return {"path": (root / path).as_posix(), "bytes": size}


def corpus(rows: Sequence[Mapping], left_out: LeftOut, options: Options, published: Published) -> Corpus:
    """The corpus of the rows (fields of `Utterance`, path, bytes) that the options keep.

    Columns of trials: id, path, speaker, label, sex (female, male), intensity, sentence, bytes; sorted by id.
    tables has "classes": the labels kept, in the order of LABELS.

    Raises Refused where fewer than three speakers, or a fold without speakers to train on, are left.
    """
    listed = pd.DataFrame([{**row, "sex": published.sexes[row["speaker"]]} for row in rows], columns=COLUMNS)
    listed = listed.astype(dict.fromkeys(COLUMNS, object) | {"bytes": "Int64"}).sort_values("id", ignore_index=True)
    classes = [label for label in LABELS if label in _chosen(options.labels, published.labels)]
    speakers = [speaker for speaker in published.sexes if speaker in _chosen(options.speakers, published.sexes)]
    trials = listed[listed["label"].isin(classes) & listed["speaker"].isin(speakers)].reset_index(drop=True)
    present = set(trials["speaker"])
    speakers = [speaker for speaker in speakers if speaker in present]
    report = _report(trials, classes, speakers, left_out) | {
        "not_kept": len(listed) - len(trials),
        "folds": options.folds,
        "sentences": published.sentences,
    }
    departures = _departures(listed, published) if options.official else None
    if departures is not None:
        report["departures"] = list(departures)
    tables = {"classes": pd.DataFrame({"label": classes})}
    return Corpus(trials, tables, report, _folds(options, published, speakers), departures)


def _chosen(keep: tuple[str, ...] | None, defined: Collection[str]) -> Collection[str]:
    return defined if keep is None else keep


def _report(trials: pd.DataFrame, classes: list[str], speakers: list[str], left_out: LeftOut) -> dict[str, object]:
    labels, voices = Counter(trials["label"]), Counter(trials["speaker"])
    return {
        "trials": {label: labels[label] for label in classes},
        "speakers": {speaker: voices[speaker] for speaker in speakers},
        "left_out": {reason: summary(files) for reason, files in sorted(left_out.items())},
        "absent": summary(list(trials.loc[trials["bytes"].isna(), "path"])),
    }


def _departures(listed: pd.DataFrame, published: Published) -> tuple[str, ...]:
    """Every count, before the options leave anything out, that is not the published one, as a sentence."""
    found = []
    for kind, counts in (("label", published.labels), ("speaker", published.speakers)):
        present = Counter(listed[kind])
        for name, expected in counts.items():
            if present[name] != expected:
                found.append(f"{kind} {name} has {present[name]} utterances, published are {expected}")
    return (*found, *_mixed(listed))


def _mixed(listed: pd.DataFrame) -> list[str]:
    """Of recordings in several formats a network may learn the format."""
    paths = listed["path"][listed["bytes"].notna()]
    formats = Counter(PurePosixPath(path).suffix.lower().lstrip(".") for path in paths)
    counted = ", ".join(f"{count} {name}" for name, count in formats.most_common())
    return [f"the recordings are of {len(formats)} formats ({counted}), published is one"] if len(formats) > 1 else []


def rotation(groups: Mapping[str, Iterable[str]]) -> tuple[Fold, ...]:
    """One fold a group of speakers: the group is in eval and the next one, cyclically, in dev."""
    members = [frozenset(group) for group in groups.values()]
    following = members[1:] + members[:1]
    return tuple(Fold(name, dev, held) for name, held, dev in zip(groups, members, following, strict=True))


def leave_one_speaker_out(speakers: Iterable[str]) -> tuple[Fold, ...]:
    """One fold a speaker, numbered from 1 in their order; the next speaker, cyclically, is in dev."""
    return rotation({str(number): [speaker] for number, speaker in enumerate(speakers, start=1)})


def _folds(options: Options, published: Published, speakers: list[str]) -> tuple[Fold, ...]:
    if len(speakers) < FEWEST_SPEAKERS:
        raise Refused(
            f"{options.root}: {len(speakers)} speakers are left ({', '.join(speakers) or 'none'}), "
            f"expected at least {FEWEST_SPEAKERS}: one each for train, dev and eval"
        )
    if options.folds == "leave_one_speaker_out":
        return leave_one_speaker_out(speakers)
    return restricted(published.standard, speakers)


def restricted(folds: Sequence[Fold], speakers: Sequence[str]) -> tuple[Fold, ...]:
    """The folds with these speakers only (in the corpus's order); a fold that loses all of eval is dropped.

    Where a fold loses all of dev, the first speaker after those of eval, cyclically, that is not in eval takes its
    place.

    Raises Refused where a fold has no speaker left to train on.
    """
    left = []
    for fold in folds:
        held = fold.eval & set(speakers)
        if not held:
            continue
        dev = fold.dev & set(speakers) or _next(speakers, held)
        if len(dev | held) == len(speakers):
            raise Refused(
                f"fold {fold.name} has no speaker to train on: of {', '.join(speakers)} {len(held)} are in eval and "
                f"{len(dev)} in dev; keep more speakers, or use the folds leave_one_speaker_out"
            )
        left.append(Fold(fold.name, frozenset(dev), frozenset(held)))
    return tuple(left)


def _next(speakers: Sequence[str], held: frozenset[str]) -> frozenset[str]:
    last = max(index for index, speaker in enumerate(speakers) if speaker in held)
    others = [speaker for speaker in [*speakers[last:], *speakers[:last]] if speaker not in held]
    return frozenset(others[:1])
