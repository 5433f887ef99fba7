"""Trackers that follow a training: those that the environment variable VOXDAG_TRACKERS names, none by default.

They are told the events that stand in the run's file (`voxdag.training.event_log`), so none of them holds anything
that the file does not. They change no result: what training draws is a function of its step, and they are told things
between steps. So their code and packages stay out of what a training depends on; installing one trains nothing anew.

A run that goes on after a kill has the same id, and a tracker is told what it was not told before. Training makes the
same events again that were lost with the process, so this is the number of the last one that it was told.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import workspace
from voxdag.training.events import Event

VARIABLE = "VOXDAG_TRACKERS"
PACKAGES = {"dvclive": "dvclive", "mlflow": "mlflow-skinny", "tensorboard": "tensorboard", "wandb": "wandb"}
FOLDER = Path("data/runs/trackers")  # below the repository; neither git's nor DVC's
RECORD = "trackers.json"
SECONDS = 15.0  # between two times that trackers are told something

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """What a tracker is told of a training before its first event.

    run      its id, the same after a resume
    resumed  whether this tracker has heard of it before
    folder   for what the tracker writes
    group    the system's name
    name     the member's
    settings as they were read from params.yaml, and what else a reader should know
    """

    run: str
    resumed: bool
    folder: Path
    group: str
    name: str
    settings: Mapping[str, object]

    @property
    def title(self) -> str:
        """A name that no other training has."""
        return f"{self.group}/{self.name}-{self.run}"


class Tracker(Protocol):
    """What `start(training)` of a module in `voxdag.training.trackers` gives."""

    def tell(self, number: int, axis: str, place: int, values: Mapping[str, float]) -> None:
        """Take in an event: the n-th of the run, its clock, its place there, and the values that are defined."""

    def flush(self) -> None:
        """Have it all on disk, or on its way."""

    def close(self, succeeded: bool) -> None:
        """The process's training has ended."""


def chosen() -> list[str]:
    """The trackers that VOXDAG_TRACKERS names. Raises Refused for one that is unknown or whose package is absent."""
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for name in names:
        if name not in PACKAGES:
            raise Refused(f"{VARIABLE} names {name!r}, expected some of {', '.join(PACKAGES)}, with commas between")
        _module(name)
    return list(dict.fromkeys(names))


def _module(name: str) -> ModuleType:
    try:
        return load_module("voxdag.training.trackers.{tracker}", tracker=name)
    except ImportError as reason:
        raise Refused(
            f"{VARIABLE} names {name}, and its package cannot be imported ({reason}): pip install {PACKAGES[name]}"
        ) from reason


class Trackers:
    """The trackers of one run, and of each the number of events that it was told.

    folder: the run state's, where these numbers are kept as long as the run is unfinished
    """

    def __init__(self, folder: Path, group: str, name: str, settings: Mapping[str, object], names: Sequence[str]):
        self.record, self.group, self.name, self.settings = Path(folder) / RECORD, group, name, settings
        self.names = list(names)
        known = artifacts.read_json(self.record) if self.names and self.record.is_file() else {}
        self.run, self.told = known.get("run"), dict(known.get("told", {}))
        self.running: dict[str, Tracker] = {}
        self._last = time.monotonic()

    @staticmethod
    def none() -> Trackers:
        """No tracker."""
        return Trackers(Path(), "", "", {}, ())

    def start(self) -> None:
        """Start each. Raises Refused, naming it, where one cannot start."""
        if self.names and self.run is None:
            self.run = secrets.token_hex(4)
        folder = (workspace() / FOLDER).absolute()
        for name in self.names:
            about = Training(self.run, name in self.told, folder, self.group, self.name, self.settings)  # type: ignore[arg-type]
            try:
                self.running[name] = _module(name).start(about)
            except Exception as reason:
                raise Refused(f"{VARIABLE} names {name}, which does not start: {_said(reason)}") from reason
            self.told.setdefault(name, 0)
        self._keep()

    def are_behind(self, count: int) -> bool:
        """Whether one was told fewer than `count` events."""
        return any(self.told.get(name, 0) < count for name in self.names)

    def is_due(self, now: float) -> bool:
        """Whether they were told nothing for SECONDS; never where there are none."""
        return bool(self.running) and now - self._last >= SECONDS

    def follow(self, events: Iterable[Event], before: int) -> None:
        """Tell each what it does not know of the events, of which so many others came before."""
        numbered = list(enumerate(events, before + 1)) if self.running else []
        for name in list(self.running):
            fresh = [(number, event) for number, event in numbered if number > self.told[name]]
            if fresh:
                self._tell(name, fresh)
        if numbered:
            self._keep()
        self._last = time.monotonic()

    def close(self, succeeded: bool) -> None:
        """End each."""
        for name in list(self.running):
            self._guarded(name, lambda tracker: tracker.close(succeeded))
        self.running.clear()

    def _tell(self, name: str, numbered: Sequence[tuple[int, Event]]) -> None:
        def tell(tracker: Tracker) -> None:
            for number, event in numbered:
                values = {key: value for key, value in event.values.items() if value is not None}
                tracker.tell(number, event.axis, event.place, values)
            tracker.flush()

        if self._guarded(name, tell):
            self.told[name] = numbered[-1][0]

    def _guarded(self, name: str, action: Callable[[Tracker], None]) -> bool:
        """Whether the tracker did it. One that fails is left out from then on: training goes on without it."""
        try:
            action(self.running[name])
        except Exception as reason:
            log.warning("tracker %s failed and hears no more of this process: %s", name, _said(reason))
            del self.running[name]
            return False
        return True

    def _keep(self) -> None:
        if self.names:
            artifacts.write_json(self.record, {"run": self.run, "told": self.told})


def _said(reason: Exception) -> str:
    return f"{type(reason).__name__}: {str(reason).strip() or 'no message'}"
