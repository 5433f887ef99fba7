"""Score files of countermeasures in the forms that challenges and published systems exchange.

    aasist         UTTERANCE ATTACK KEY SCORE     ATTACK is - for bona fide speech (github.com/clovaai/aasist)
    asvspoof2021   UTTERANCE SCORE
    asvspoof5      filename<TAB>cm-score          with that header line (ASVspoof 5 evaluation package)

Higher scores = more bona fide. Files may be compressed (.xz, .gz). Published ones also name an utterance by its file
(LA_E_1.flac, flac/LA_E_1.flac), call bona fide speech attack A00 or bonafide, and have blank lines: read as without.
"""

import math
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from voxdag.core import artifacts, texts
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import AUDIO_SUFFIXES
from voxdag.tasks import score_files

HEADER = ["filename", "cm-score"]
WIDTHS = {4: "UTTERANCE ATTACK KEY SCORE", 2: "UTTERANCE SCORE"}
BONAFIDE_ATTACKS = ("-", "bonafide", "A00")  # how files write "no attack"
EXAMPLES = 3  # utterances named in an error
SHOWN = 80  # characters of a line in an error
LARGEST = 1e38  # a score's size: what a network in float32 can say, and sums of squares do not overflow
TIED = 0.01  # share of trials with one and the same score that is worth a line


class Line(NamedTuple):
    """One trial of a score file; attack and key are None in files of two columns."""

    place: str
    utterance: str
    attack: str | None
    key: str | None
    score: float


def read(path: Path, trials: pd.DataFrame) -> pd.DataFrame:
    """Read a score file of any form: `trials` (columns id, label, attack and any other), in order, with column score.

    Raises Refused, with file and line where there is one, for a line of another form, a score that is not a number
    of LARGEST or less, an utterance that is missing, extra or there twice, or a key or attack other than in `trials`.
    """
    path = Path(path)
    lines: dict[str, Line] = {}
    protocol = dict(zip(trials["id"], zip(trials["label"], trials["attack"], strict=True), strict=True))
    extra = []
    for line in _lines(path):
        utterance = _named(line.utterance, protocol)
        if utterance in lines:
            first = lines[utterance].place
            raise Refused(f"{line.place}: {line.utterance} is a duplicate of {first}, expected each utterance once")
        lines[utterance] = line
        if utterance not in protocol:
            extra.append(utterance)
        elif line.key is not None:
            _check_label(line, *protocol[utterance])
    _refuse(path, [utterance for utterance in protocol if utterance not in lines], extra, len(protocol))
    return trials.assign(score=[lines[utterance].score for utterance in trials["id"]])


def own_trials(path: Path) -> pd.DataFrame:
    """The trials that a file of the form aasist names itself: id, label, attack (None of bona fide speech), no speaker.

    Raises Refused, as `read` does, for a line of another form, and for a file of two columns.
    """
    rows = []
    for line in _lines(Path(path)):
        if line.key is None:
            raise Refused(f"{line.place}: no KEY, expected {WIDTHS[4]}, or the corpus whose protocol has the keys")
        rows.append((line.utterance, line.key, None if line.attack in BONAFIDE_ATTACKS else line.attack, None))
    return pd.DataFrame(rows, columns=["id", "label", "attack", "speaker"], dtype=object)


def doubts(predictions: pd.DataFrame) -> Iterator[str]:
    """What is odd of scores that were read, a line each."""
    score, count = next(iter(predictions["score"].value_counts().items()))
    if count > max(1, TIED * len(predictions)):
        yield f"{count} of {len(predictions)} trials have the score {score}: no threshold parts them"


def write(path: Path, predictions: pd.DataFrame, form: str = "aasist") -> None:
    """Write predictions (columns id, label, attack, score) in one of the `FORMS`, sorted by id, every digit kept.

    Scores of two members are not on one scale: of several there is a file each, as `score_files.by_member` names them.

    Raises Refused for an unknown form.
    """
    if form not in FORMS:
        raise Refused(f"unknown form of score file {form!r}: expected one of {', '.join(FORMS)}")
    for place, rows in score_files.by_member(path, predictions):
        artifacts.write_bytes(place, FORMS[form](rows.sort_values("id")).encode())


def _aasist(predictions: pd.DataFrame) -> str:
    attacks = predictions["attack"].where(predictions["attack"].notna(), "-")
    rows = zip(predictions["id"], attacks, predictions["label"], predictions["score"], strict=True)
    return "".join(f"{utterance} {attack} {label} {float(score)!r}\n" for utterance, attack, label, score in rows)


def _asvspoof2021(predictions: pd.DataFrame) -> str:
    return _two_columns(predictions, " ")


def _asvspoof5(predictions: pd.DataFrame) -> str:
    return "\t".join(HEADER) + "\n" + _two_columns(predictions, "\t")


def _two_columns(predictions: pd.DataFrame, separator: str) -> str:
    rows = zip(predictions["id"], predictions["score"], strict=True)
    return "".join(f"{utterance}{separator}{float(score)!r}\n" for utterance, score in rows)


FORMS = {"aasist": _aasist, "asvspoof2021": _asvspoof2021, "asvspoof5": _asvspoof5}


def _named(text: str, protocol: Container[str]) -> str:
    """The utterance of the protocol that a file calls `text`: itself, or the name of its recording; else `text`."""
    name = PurePosixPath(text)
    stem = name.stem if name.suffix.lower().lstrip(".") in AUDIO_SUFFIXES else name.name
    return text if text in protocol or stem not in protocol else stem


def _lines(path: Path) -> Iterator[Line]:
    width = None
    for number, text in texts.lines(path):
        columns, place = text.split(), f"{path}:{number}"
        if width is None and columns == HEADER:
            width = len(HEADER)
            continue
        width = width or len(columns)
        if width not in WIDTHS or len(columns) != width:
            forms = WIDTHS.get(width) or " or ".join(WIDTHS.values())
            raise Refused(f"{place}: {_short(text)!r} has {len(columns)} columns, expected {forms}")
        attack, key = columns[1:3] if width == 4 else (None, None)
        yield Line(place, columns[0], attack, key, _score(columns[-1], place))


def _short(text: str) -> str:
    return text.rstrip() if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _score(text: str, place: str) -> float:
    try:
        score = (
            float(text) if text.isascii() and "_" not in text else math.nan
        )  # Python alone reads 1_0 and the digits of other scripts
    except ValueError:
        score = math.nan
    if not abs(score) <= LARGEST:
        raise Refused(f"{place}: the score is {text!r}, expected a number from {-LARGEST:g} to {LARGEST:g}")
    return score


def _check_label(line: Line, label: str, attack: str | None) -> None:
    expected = "-" if pd.isna(attack) else attack
    found = "-" if line.attack in BONAFIDE_ATTACKS else line.attack
    if (line.key, found) != (label, expected):
        raise Refused(
            f"{line.place}: {line.utterance} is {line.key} with attack {line.attack}, "
            f"but {label} with attack {expected} in the protocol"
        )


def _refuse(path: Path, missing: list[str], extra: list[str], n_trials: int) -> None:
    """Raises Refused where there are any; where both sides have some, an id of each shows how they differ."""
    if missing:
        other = f"; {len(extra)} of the file are not in the protocol: {_examples(extra)}" if extra else ""
        raise Refused(
            f"{path}: {len(missing)} utterances are missing of {n_trials} in the protocol: {_examples(missing)}{other}"
        )
    if extra:
        raise Refused(f"{path}: {len(extra)} utterances are extra of {n_trials} in the protocol: {_examples(extra)}")


def _examples(utterances: list[str]) -> str:
    return ", ".join(utterances[:EXAMPLES])
