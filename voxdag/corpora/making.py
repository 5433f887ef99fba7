"""Where a corpus that we write lies until it is whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder beside `target` for what is moved there when it is complete; it is gone in the end, failed or not.

    What killed runs left of it is removed first. So use it within `alone(target)`, where no other run is alive.
    """
    for left in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
        yield Path(name)
