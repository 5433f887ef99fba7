"""Audio files below a folder, by their endings; what else is there is counted, never passed over without a word."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from voxdag.core.errors import NotHere, Refused
from voxdag.core.files import walk
from voxdag.corpora.corpus import AUDIO_SUFFIXES

SHOWN = 5  # endings that a message names


class Found(NamedTuple):
    """paths: sorted; others: ending -> how many files have it that is none of audio, "" for no ending."""

    paths: list[Path]
    others: Counter[str]

    @property
    def left_out(self) -> str:
        """What was left out, as "3 files (2 .txt, 1 without ending)"; empty where nothing was."""
        if not self.others:
            return ""
        by_count = sorted(self.others.items(), key=lambda item: (-item[1], item[0] == "", item[0]))
        named = [f"{count} {ending or 'without ending'}" for ending, count in by_count[:SHOWN]]
        return f"{self.others.total()} files ({', '.join(named)}{', ...' if len(self.others) > SHOWN else ''})"


def find(folder: Path) -> Found:
    """The audio below a folder. Hidden files (.DS_Store, the ._ files of macOS) and hidden folders are not looked at;
    linked folders are entered.

    Raises NotHere where there is no such folder, Refused where it holds no audio, with what it does hold.
    """
    if not folder.is_dir():
        raise NotHere(f"{folder} is no folder")
    visible = (folder / below for below, _ in walk(folder) if not Path(below).name.startswith("."))
    paths, others = [], Counter()
    for path in visible:
        if path.suffix.lower().lstrip(".") in AUDIO_SUFFIXES:
            paths.append(path)
        else:
            others[path.suffix.lower()] += 1
    found = Found(sorted(paths), others)
    if not paths:
        holds = f"it holds {found.left_out}" if others else "it is empty"
        raise Refused(f"{folder} holds no audio, {holds}; known endings are {', '.join(sorted(AUDIO_SUFFIXES))}")
    return found
