"""The files that a command line names: by themselves, by the folders that hold them, by lists of paths."""

from __future__ import annotations

import codecs
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from voxdag.core.errors import NotHere, Refused
from voxdag.core.files import text_of
from voxdag.corpora import listing
from voxdag.corpora.listing import LeftOut

STDIN = "-"
SHOWN = 5  # endings of a reason that are named one by one; the rarer ones are counted together


@dataclass(frozen=True)
class FileList:
    """files  each once, in the order in which they are named first; twice: how many were named again
    left_out  what folders hold besides: reason -> files
    """

    files: list[Path]
    twice: int
    left_out: LeftOut

    def passed_over(self) -> str:
        """What was passed over, in words: by reason, and by ending; "" for nothing."""
        counts = {reason: Counter(map(_ending, names)) for reason, names in sorted(self.left_out.items())}
        parts = [f"{_in_words(endings)} ({reason})" for reason, endings in counts.items()]
        if self.twice:
            parts.append(f"{self.twice} named more than once")
        return ", ".join(parts)


def listed(words: Iterable[str], lists: Iterable[str], stdin: BinaryIO | None) -> FileList:
    """Files as given, folders searched for audio with all that is below them, - and `lists` read as lists of paths.

    stdin: None where it is closed. Raises NotHere, or Refused for a name that is empty, a list without a path, or a
    folder without audio. A file of a list that is not here is a file: who reads it says so.
    """
    found: list[Path] = []
    left_out: LeftOut = {}
    for word in words:
        if word != STDIN:
            found += _below(word, left_out)
    for name in [*(word for word in words if word == STDIN), *lists]:
        for path in _paths(name, stdin):
            found += _below(path, left_out) if Path(path).exists() else [Path(path)]
    files = list(dict.fromkeys(found))
    return FileList(files, len(found) - len(files), left_out)


def _paths(name: str, stdin: BinaryIO | None) -> Sequence[str]:
    """The paths of a list. Raises Refused for one without any."""
    found = names(_content(name, stdin))
    if not found:
        where = "standard input" if name == STDIN else name
        raise Refused(f"{where} lists no file: expected a path a line, or paths that end in NUL (find -print0)")
    return found


def _content(name: str, stdin: BinaryIO | None) -> bytes:
    if name != STDIN:
        if not Path(name).is_file():
            raise NotHere(f"the list of paths {name} is no file here")
        return Path(name).read_bytes()
    if stdin is None:
        raise Refused("standard input is closed, and PATH is -: expected a list of paths there")
    return stdin.read()


def names(content: bytes) -> list[str]:
    """The paths of a list: any bytes but those of its ends, as the file system has them. Where there is a NUL they end
    in NULs, and a path may have line breaks; else a line each."""
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        return [os.fsdecode(name) for name in content.split(b"\0") if name]
    ends = (line.removesuffix(b"\r") for line in content.split(b"\n"))
    return [os.fsdecode(name) for name in ends if name.strip()]


def _below(name: str, left_out: LeftOut) -> list[Path]:
    """The file, or the audio of the folder; what that holds besides goes to `left_out`."""
    if not name.strip():
        raise Refused(f"PATH is {name!r}: expected a file or folder (. for this one)")
    path = Path(name)
    if not path.exists():
        raise NotHere(f"{text_of(name)} is not here")
    if not path.is_dir():
        return [path]
    paths, others = listing.audio_in(path)
    for reason, files in others.items():
        left_out.setdefault(reason, []).extend(files)
    return paths


def _ending(name: str) -> str:
    """The end of a file's name, as words of one line show it."""
    suffix = PurePosixPath(name).suffix.lower()
    return ascii(text_of(suffix))[1:-1] if suffix else "without an ending"


def _in_words(endings: Counter) -> str:
    most = sorted(endings.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{count} {ending}" for ending, count in most[:SHOWN]]
    rest = sum(count for _, count in most[SHOWN:])
    return " and ".join(shown + ([f"{rest} of {len(most) - SHOWN} other endings"] if rest else []))
