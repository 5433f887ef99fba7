"""Score files of countermeasures in the forms that challenges and published systems exchange.

    aasist         UTTERANCE ATTACK KEY SCORE     ATTACK is - for bona fide speech (github.com/clovaai/aasist)
    asvspoof2021   UTTERANCE SCORE
    asvspoof5      filename<TAB>cm-score          with that header line (ASVspoof 5 evaluation package)

Higher scores = more bona fide. Files may be compressed (.xz, .gz), begin with a byte order mark, and have blank lines.
An utterance may be written with the ending of its audio file, and the attack of bona fide speech as bonafide or A00.
"""

import gzip
import lzma
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.tasks import score_files

HEADER = ["filename", "cm-score"]
WIDTHS = {4: "UTTERANCE ATTACK KEY SCORE", 2: "UTTERANCE SCORE"}
BONAFIDE_ATTACKS = ("-", "bonafide", "A00")  # how files write "no attack"
OPENERS = {".xz": lzma.open, ".gz": gzip.open}
ENDINGS = ("flac", "wav", "mp3", "m4a", "ogg")  # of audio files, which some write behind the ids
EXAMPLES = 3  # utterances named in an error
LONGEST = 4096  # characters of a line: a longer one is no score file's, and may fill the memory
SHOWN = 80  # characters of a line in an error
SPARE = 1000  # lines that a file may have beside those of the trials, before it is told that it is of something else
UNREADABLE = (lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError, UnicodeDecodeError, MemoryError)


class Line(NamedTuple):
    """One trial of a score file; attack and key are None in files of two columns."""

    place: str
    utterance: str
    attack: str | None
    key: str | None
    score: float


def read(path: Path, trials: pd.DataFrame) -> pd.DataFrame:
    """Read a score file of any form: `trials` (columns id, label, attack and any other), in order, with column score.

    Raises Refused, with file and line where there is one, for a line of another form, a score that is not a finite
    number, an utterance that is missing, extra or there twice, or a key or attack that contradicts `trials`.
    """
    lines = {}
    protocol = dict(zip(trials["id"], zip(trials["label"], trials["attack"], strict=True), strict=True))
    extra = []
    for line in _lines(Path(path), most=len(trials) + SPARE):
        utterance = _without_ending(line.utterance, protocol)
        if utterance in lines:
            first = lines[utterance].place
            raise Refused(f"{line.place}: {utterance} is a duplicate of {first}, expected each utterance once")
        lines[utterance] = line
        if utterance not in protocol:
            extra.append(utterance)
        elif line.key is not None:
            _check_label(line, *protocol[utterance])
    missing = [utterance for utterance in protocol if utterance not in lines]
    if missing and extra:
        raise Refused(
            f"{path}: {len(missing)} utterances are missing of {len(protocol)} in the protocol, such as {missing[0]}, "
            f"and {len(extra)} are extra, such as {extra[0]}"
        )
    _refuse(path, missing, len(protocol), "missing")
    _refuse(path, extra, len(protocol), "extra")
    return trials.assign(score=[lines[utterance].score for utterance in trials["id"]])


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


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines, none of them read further than LONGEST."""
    with OPENERS.get(path.suffix, open)(path, mode="rt", encoding="utf-8-sig") as file:
        number = 0
        try:
            while text := file.readline(LONGEST + 1):
                number += 1
                yield number, text
        except UNREADABLE as reason:
            said = str(reason) or type(reason).__name__
            raise Refused(f"{path} cannot be read as {path.suffix or 'text'}: {said}") from reason


def _lines(path: Path, most: int) -> Iterator[Line]:
    width = None
    for number, text in _texts(path):
        columns, place = text.split(), f"{path}:{number}"
        if len(text) > LONGEST:
            raise Refused(f"{place}: a line of more than {LONGEST} characters, expected {_forms(width)}")
        if number > most:
            raise Refused(f"{place}: more than {most} lines, expected about {most - SPARE}, one for each trial")
        if not columns:
            continue
        if number == 1 and columns == HEADER:
            width = len(HEADER)
            continue
        width = width or len(columns)
        if width not in WIDTHS or len(columns) != width:
            raise Refused(f"{place}: {text.rstrip()[:SHOWN]!r} has {len(columns)} columns, expected {_forms(width)}")
        attack, key = columns[1:3] if width == 4 else (None, None)
        yield Line(place, columns[0], attack, key, _score(columns[-1], place))


def _forms(width: int | None) -> str:
    return WIDTHS.get(width) or " or ".join(WIDTHS.values())


def _without_ending(utterance: str, protocol: Mapping[str, object]) -> str:
    """The id of the protocol that an utterance of a score file is, where it is written with an audio file's ending."""
    stem, _, ending = utterance.rpartition(".")
    return stem if utterance not in protocol and stem in protocol and ending in ENDINGS else utterance


def _score(text: str, place: str) -> float:
    try:
        score = float(text) if text.isascii() and "_" not in text else math.nan  # Python's numerals are more than these
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise Refused(f"{place}: the score is {text[:SHOWN]!r}, expected a finite number")
    return score


def _check_label(line: Line, label: str, attack: str | None) -> None:
    expected = "-" if pd.isna(attack) else attack
    found = "-" if line.attack in BONAFIDE_ATTACKS else line.attack
    if (line.key, found) != (label, expected):
        raise Refused(
            f"{line.place}: {line.utterance} is {line.key} with attack {line.attack}, "
            f"but {label} with attack {expected} in the protocol"
        )


def _refuse(path: Path, utterances: list[str], n_trials: int, what: str) -> None:
    if utterances:
        examples = ", ".join(utterances[:EXAMPLES])
        raise Refused(f"{path}: {len(utterances)} utterances are {what} of {n_trials} in the protocol: {examples}")
