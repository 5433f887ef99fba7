"""Corpora that we write: once, however many processes want them, and whole or not at all."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from voxdag.core.files import naming
from voxdag.core.parallel import alone

logger = logging.getLogger(__name__)


def write_flac(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write (n,) samples as FLAC of 16 bits. An OSError names the file and says what it was: libsndfile's does not."""
    content = BytesIO()
    soundfile.write(content, samples, rate, format="FLAC", subtype="PCM_16")
    with naming(path):
        path.write_bytes(content.getvalue())


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
