"""Where an unfinished run keeps its state. It is no output of any stage, and goes when the stage succeeds.

The folder is named after a hash of everything the run depends on, so a run with a changed learning rate never goes on
from another's state, and a stage that was killed goes on when it is started again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from voxdag.core import artifacts, ranks
from voxdag.core.alone import alone
from voxdag.core.errors import Refused
from voxdag.core.workspace import resume_folder
from voxdag.networks.weights import write_weights

STATE = "state.pt"
SAVE_SECONDS = "300"
CHUNK = 2**24  # bytes
PLAIN = (bool, int, float, str, type(None))


def run_key(settings: Mapping[str, object], files: Iterable[Path]) -> str:
    """A hash of the settings and of the contents of the files (code and data) that a run depends on."""
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=8)
    for path in sorted(files):
        digest.update(f"\0{path.as_posix()}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def save_seconds() -> float:
    """How often an unfinished run is saved within an epoch: VOXDAG_SAVE_SECONDS, or 300. Results never depend on it.

    Raises Refused for anything but a number of seconds.
    """
    asked = os.environ.get("VOXDAG_SAVE_SECONDS", SAVE_SECONDS)
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Refused(f"VOXDAG_SAVE_SECONDS is {asked!r}, expected a number of seconds from 0 on, such as 300")
    return seconds


class RunState:
    """State and best weights of one run in `folder`, saved at every epoch's end and every `save_seconds` between.

    about: what the weights files say of themselves (see `voxdag.networks.weights.write_weights`).
    Of several processes that train together all read, and the first one writes.
    """

    def __init__(self, folder: Path, save_seconds: float, about: Mapping[str, object]):
        self.folder, self.save_seconds, self.about = Path(folder), save_seconds, about
        self._saved = time.monotonic()

    @staticmethod
    def of_run(system: str, key: str, about: Mapping[str, object]) -> RunState:
        """The state of a system's run, below VOXDAG_RESUME (data/resume), saved every VOXDAG_SAVE_SECONDS."""
        folder = resume_folder() / system / key
        return RunState(folder, save_seconds(), about)

    def is_due(self, now: float) -> bool:
        """Whether `save_seconds` have gone since the last save; `now` in seconds of time.monotonic()."""
        return now - self._saved >= self.save_seconds

    def keep(self, criterion: str, epoch: int, network: nn.Module) -> None:
        """Keep the weights as the best by a criterion, in the epoch's own file: a state never names other weights."""
        if ranks.is_first():
            write_weights(self.best_file(criterion, epoch), network, self.about)

    def best_file(self, criterion: str, epoch: int) -> Path:
        """The file of the weights that were kept."""
        return self.folder / f"best_{criterion}-{epoch:04d}.safetensors"

    def save(self, state: dict, best: Mapping[str, int]) -> None:
        """Write the state, then drop kept weights other than `best` (criterion -> epoch).

        Raises TypeError, naming the place, for a state that `read` would not read again.
        """
        if not ranks.is_first():
            return
        check_plain(state, "state")
        content = BytesIO()
        torch.save(state, content)
        artifacts.write_bytes(self.folder / STATE, content.getvalue())
        named = {self.best_file(criterion, epoch) for criterion, epoch in best.items()}
        for path in set(self.folder.glob("best_*.safetensors")) - named:
            path.unlink()
        self._saved = time.monotonic()

    def read(self) -> dict | None:
        """The last state, each tensor on the kind of device that it was on, or None where there is none."""
        path = self.folder / STATE
        own = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
        return torch.load(path, {"cuda:0": own}, weights_only=True) if path.is_file() else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process is in this run, and keep others out.

        Two experiments that differ in what training does not depend on ask for the same training; the one that waited
        then goes on from the state of the other, where that has not gone.
        """
        if not ranks.is_first():
            yield
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(self.folder):
            yield

    def close(self) -> None:
        """Drop everything: the run has succeeded. Waits for a process that is in it."""
        if ranks.is_first():
            with self.alone():
                shutil.rmtree(self.folder, ignore_errors=True)


def check_plain(value: Any, where: str) -> None:
    """Raises TypeError, naming the place, unless `value` is of tensors, numbers and texts, and of lists, tuples and
    dicts of them: torch reads nothing else without running what a file says."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_plain(key, f"a key of {where}")
            check_plain(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple):
        for i, item in enumerate(value):
            check_plain(item, f"{where}[{i}]")
    elif not isinstance(value, Tensor) and type(value) not in PLAIN:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(
            f"{where} is a {kind}; expected tensors, numbers and texts, and lists, tuples and dicts of them"
        )
