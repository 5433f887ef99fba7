"""Which files below a folder are a corpus's recordings, however it was packed, copied or linked.

Corpora arrive as zips of a repository one folder down, with every recording as WAV and MP3, with a second copy of
themselves, as links that git-annex or DataLad left without a target, or as the pointers of Git LFS.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from voxdag.core.errors import NotHere, Refused
from voxdag.core.files import text_of, walk, walk_links
from voxdag.core.texts import GIT_LFS
from voxdag.corpora.corpus import AUDIO_SUFFIXES

DEPTH = 3  # folders below a corpus's root in which it is looked for
EXAMPLES = 5  # file names that the report gives of each kind
MACOS = "__MACOSX"  # the folder of resource forks in zips that macOS made
NOT_AUDIO, RESOURCE_FORK = "not audio", "a macOS resource fork"
SECOND_COPY = "a second copy of the same name and size"
OTHER_FORMAT = "the same recording in another format"
NO_TARGET, DEAD = "a link without target, beside the file", "a link without target"
POINTER_BYTES = 1024  # the most that a pointer of Git LFS has
LOSSY = AUDIO_SUFFIXES & {"3gp", "aac", "ac3", "amr", "m4a", "mka", "mp3", "mp4", "oga", "ogg", "opus", "weba", "webm"}
LOSSY |= {"wma"}

LeftOut = dict[str, list[str]]  # reason -> files
File = tuple[PurePosixPath, int | None]  # path, and bytes, None of a link without target


def audio_files(base: Path) -> tuple[list[File], LeftOut]:
    """Path below `base` and size (bytes) of every audio file, sorted; and the other files, by reason.

    Folders whose name starts with a dot (such as the .git of a cloned corpus) are not entered, linked ones are.
    """
    files: list[File] = []
    left_out: LeftOut = {}
    for name, size in walk_links(base):
        path = PurePosixPath(name)
        reason = _not_audio(path.name)
        if reason:
            left_out.setdefault(reason, []).append(path.as_posix())
        else:
            files.append((path, size))
    return sorted(files), left_out


def called(base: Path, names: Iterable[str]) -> dict[str, list[Path]]:
    """Where files of these names lie below `base`, the least nested first."""
    wanted: dict[str, list[PurePosixPath]] = {name: [] for name in names}
    for text, _ in walk(base):
        path = PurePosixPath(text)
        if path.name in wanted and MACOS not in path.parts:
            wanted[path.name].append(path)
    order = partial(sorted, key=lambda path: (len(path.parts), path))
    return {name: [base / path for path in order(paths)] for name, paths in wanted.items()}


def audio_in(folder: Path) -> tuple[list[Path], LeftOut]:
    """The audio of a folder that is of no known layout, sorted; and the other files, by reason.

    Raises NotHere where there is no such folder, Refused where it holds no audio, with what it does hold.
    """
    if not folder.is_dir():
        raise NotHere(f"{folder} is no folder")
    files, left_out = audio_files(folder)
    dead = [path.as_posix() for path, size in files if size is None]
    if dead:
        left_out[DEAD] = dead
    if len(dead) == len(files):
        holds = f"it holds {in_words(left_out)}" if left_out else "it is empty"
        raise Refused(f"{folder} holds no audio, {holds}; known endings are {', '.join(sorted(AUDIO_SUFFIXES))}")
    return [folder / path for path, size in files if size is not None], left_out


def _not_audio(name: str) -> str | None:
    if name.startswith("._"):
        return RESOURCE_FORK
    return None if name.rpartition(".")[2].lower() in AUDIO_SUFFIXES else NOT_AUDIO


def one_file_each(
    base: Path, named: Iterable[tuple[str, PurePosixPath, int | None]], left_out: LeftOut, published: str
) -> dict[str, File]:
    """The file of each utterance, from (utterance, file, size); the others are added to `left_out`.

    A file goes before a link without target, the published format (a file name ending) before the others, lossless
    before lossy ones, the least nested file before its second copy.

    Raises Refused, naming both, where two files of an utterance in one format hold different bytes.
    """
    taken: dict[str, File] = {}
    for name, path, size in sorted(named, key=lambda file: _rank(file[1], file[2], published)):
        other, expected = taken.setdefault(name, (path, size))
        if path == other:
            continue
        if size is None and expected is not None:
            reason = NO_TARGET
        elif _format(path) != _format(other):
            reason = OTHER_FORMAT
        elif size == expected and (size is None or filecmp.cmp(base / other, base / path, shallow=False)):
            reason = SECOND_COPY
        else:
            raise Refused(
                f"{base} holds {text_of(other)} ({expected} bytes) and {text_of(path)} ({size} bytes), "
                f"which differ; expected one file of the utterance {name}"
            )
        left_out.setdefault(reason, []).append(path.as_posix())
    return taken


def _rank(path: PurePosixPath, size: int | None, published: str) -> tuple:
    ending = _format(path)
    return size is None, ending != published, ending in LOSSY, ending, len(path.parts), path


def _format(path: PurePosixPath) -> str:
    return path.suffix.lower().lstrip(".")


def holding(base: Path, pattern: str) -> PurePosixPath | None:
    """The least nested folder below `base`, itself included, that holds what matches `pattern`; the first by name.

    None where there is none within DEPTH folders.
    """
    places = [base]
    for _ in range(DEPTH + 1):
        for place in places:
            if next(place.glob(pattern), None) is not None:
                return PurePosixPath(place.relative_to(base).as_posix())
        places = [inner for place in places for inner in _folders(place)]
    return None


def _folders(place: Path) -> list[Path]:
    inner = (entry for entry in place.iterdir() if entry.name != MACOS and not entry.name.startswith("."))
    return sorted(entry for entry in inner if entry.is_dir()) if place.is_dir() else []


def summary(files: list[str]) -> dict[str, object]:
    """How many files there are, and the first few."""
    return {"count": len(files), "examples": sorted(files)[:EXAMPLES]}


def in_words(left_out: LeftOut) -> str:
    """What was left out, as in "3 files: 2 not audio (such as readme.txt), 1 ..."."""
    kinds = [f"{len(files)} {reason} (such as {text_of(min(files))})" for reason, files in sorted(left_out.items())]
    count = sum(map(len, left_out.values()))
    return f"{count} file{'s' * (count > 1)}: {', '.join(kinds)}"


def pointers(folder: Path, trials: pd.DataFrame) -> list[str]:
    """The paths of the recordings (columns path, from `folder`, and bytes) that are pointers of Git LFS."""
    small = trials["path"][(trials["bytes"] < POINTER_BYTES).fillna(False).astype(bool)]
    return [path for path in small if _is_pointer(folder / path)]


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(GIT_LFS)) == GIT_LFS
    except OSError:
        return False  # the listing knows its size; that it cannot be read is told where it is decoded
