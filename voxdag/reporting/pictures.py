"""Pictures that stages drew, to stand in a page: as data within it, with what they show in words.

PNG with a palette of 256 colours: a third of the size, and no eye tells it from the file that the stage wrote. That
file, its PDF for the paper and its numbers as CSV lie where `source` says.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.reporting import heard
from voxdag.reporting.measured import Task

COLOURS = 256
COLUMN = 460  # pixels of the page: half of its width
DENSITY = 1.6  # pixels of the picture for each of the page: sharp on a telephone


@dataclass(frozen=True)
class Picture:
    """data    the picture as a data URI
    words   what it shows
    source  the file
    width, height  on the page, in its pixels
    """

    data: str
    words: str
    source: str
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it takes the width of the page to be read."""
        return self.width > COLUMN


def of_comparison(task: Task) -> list[Picture]:
    """Those that show all systems of a task."""
    if not task.chosen.whole:  # they would show others too
        return []
    folder = layout.comparison(task.name) / "figures"
    said = heard.note(task).removesuffix(".")
    of = f"eval of {task.corpus}{f'. {said}' if said else ''}"
    return [_read(path, f"{task.figure(path.stem)}; {of}") for path in _files(folder, task)]


def of_system(task: Task, system: str) -> list[Picture]:
    """Those of one system."""
    codecs = task.heard.get(system, "")
    of = f"{system}, {task.corpus}{f' {heard.words(codecs)}' if codecs else ''}"
    return [_read(path, f"{task.figure(path.stem)}; {of}") for path in _files(layout.plots(system), task)]


def of_synthetic(task: Task, entry: str) -> list[Picture]:
    """Those of recordings that were made up."""
    folder = layout.plots("synthetic") / entry
    return [
        _read(path, f"{path.stem.replace('_', ' ')}; recordings made up by {entry}") for path in _files(folder, task)
    ]


def _files(folder: Path, task: Task) -> list[Path]:
    """The pictures in a folder, in the order in which the task tells of them; others behind."""
    order = list(getattr(task.explained, "FIGURES", ()))
    return sorted(folder.glob("*.png"), key=lambda path: (order.index(path.stem) if path.stem in order else 99, path))


def _read(path: Path, words: str) -> Picture:
    try:
        with Image.open(path) as image:
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    except (UnidentifiedImageError, OSError, SyntaxError) as reason:
        raise Refused(f"{path} is no picture that can be read ({reason}), expected PNG") from None
    content = BytesIO()
    flat.quantize(COLOURS, dither=Image.Dither.NONE).save(content, "PNG")
    data = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    width, height = (round(side / DENSITY) for side in flat.size)
    return Picture(data, words[0].upper() + words[1:], path.as_posix(), width, height)
