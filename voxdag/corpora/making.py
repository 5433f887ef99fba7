"""Corpora that we write: once, however many processes want them, and whole or not at all."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voxdag.core import code
from voxdag.core.alone import alone
from voxdag.core.files import naming

logger = logging.getLogger(__name__)


def write_flac(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write (n,) samples as FLAC of 16 bits. An OSError names the file and says what it was: libsndfile's does not."""
    content = BytesIO()
    soundfile.write(content, samples, rate, format="FLAC", subtype="PCM_16")
    with naming(path):
        path.write_bytes(content.getvalue())


def made(
    folder: Path,
    options: Any,
    module: str,
    make: Callable[[Path], None],
    aside: Collection[str] = (),
    inside: str = "",
    **further: object,
) -> Path:
    """Where the corpus of a reader's options lies, relative to `folder`, after making what is not there.

    That is below the options' root, in a folder called by a fingerprint: of the options but the root and those `aside`,
    which change no file, of what `further` settles it, and of the code that `module` makes it by.

    make    writes the folder that it is given; inside: a folder of the corpus that is that one, if not all of it
    """
    settings = {name: value for name, value in asdict(options).items() if name not in ("root", *aside)} | further
    root = Path(options.root, code.fingerprint(settings, module))
    target = folder / root / inside
    once(target, lambda: make(target))
    return root


def once(target: Path, make: Callable[[], None]) -> None:
    """Have `make` make the folder `target` unless it is there; a second process that wants it waits."""
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target):
        if not target.is_dir():  # made by the process that this one waited for
            logger.info("making the corpus %s", target)
            make()


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder beside `target` for what is moved there when it is complete; it is gone in the end, failed or not.

    What killed runs left of it is removed first. So use it within `alone(target)`, where no other run is alive.
    """
    for left in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
        yield Path(name)
