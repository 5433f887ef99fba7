"""What is done with a stage: what DVC does, in turn, and its commands, while it is the turn of others."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dvc.lock import LockError
from dvc.stage import Stage
from dvc.stage import run as single
from dvc.stage.exceptions import StageCmdFailedError

from voxdag.side_by_side.children import Children
from voxdag.side_by_side.guard import OF_SIGNALS
from voxdag.side_by_side.report import RAN, RESTORED, VERIFIED
from voxdag.side_by_side.screen import Screen
from voxdag.side_by_side.slots import Needs, Share, needs
from voxdag.side_by_side.turn import Turn

TRIES, PAUSE = 60, 1.0  # how often, and after how many s, a stage is begun whose paths another DVC process holds


@dataclass(frozen=True)
class Asked:
    """How stages are reproduced.

    stages         name -> DVC's stage
    upstream       name -> stages that it depends on directly
    reproduce_one  DVC's function for one stage; gives it, or None where it had not changed
    options        that go with it
    """

    stages: Mapping[str, Stage]
    upstream: Mapping[str, Sequence[Stage]]
    reproduce_one: Callable[..., Stage | None]
    options: Mapping[str, Any] = field(default_factory=dict)


class DvcWork:
    """The work on stages of DVC's: see `loop.Work`."""

    def __init__(self, asked: Asked, turn: Turn, screen: Screen):
        self._asked, self._turn, self._screen, self._children = asked, turn, screen, Children()
        self._shares: dict[str, Share] = {}
        self._ran: set[str] = set()

    def look(self, name: str, forced: bool) -> Needs | None:
        """See `loop.Work`."""
        stage, allow_missing = self._asked.stages[name], self._asked.options.get("allow_missing", False)
        try:
            with self._turn.taken(name):
                if forced or stage.changed(allow_missing, self._asked.upstream[name]):
                    return needs(_settings(stage))
                return None
        except Exception:  # it is met again where the stage is reproduced, which fails with it
            return Needs()

    def reproduce(self, name: str, share: Share, forced: bool) -> str:
        """See `loop.Work`. A stage whose paths another process of DVC's holds is begun later."""
        self._shares[name] = share
        for _ in range(TRIES - 1):
            try:
                return self._reproduce(name, forced)
            except LockError:
                if name in self._ran or self._children.ending:
                    raise
            time.sleep(PAUSE)
        return self._reproduce(name, forced)

    def _reproduce(self, name: str, forced: bool) -> str:
        stage, upstream = self._asked.stages[name], self._asked.upstream[name]
        with self._turn.taken(name):
            self._asked.reproduce_one(stage, upstream=upstream, force=forced, **self._asked.options)
        if name in self._ran:
            return RAN
        return RESTORED if stage.cmd and not stage.frozen else VERIFIED

    def run_commands(self, stage: Stage, dry: bool = False, run_env: Mapping[str, str] | None = None) -> None:
        """In the place of `dvc.stage.run.cmd_run`: DVC has given up its lock when it calls this."""
        name = stage.addressing
        self._ran.add(name)
        where = single.prepare_kwargs(stage, run_env=run_env)
        where["env"] |= {"PYTHONUNBUFFERED": "1"} | self._shares[name].environment
        with self._turn.lent(name):
            for line in single._enforce_cmd_list(stage.cmd):
                self._run(name, line, where)

    def _run(self, name: str, line: str, where: Mapping[str, Any]) -> None:
        said = [""]

        def say(words: str) -> None:
            said[0] = words or said[0]
            self._screen.say(name, words)

        say(f"> {line}")
        command = single._make_cmd(single.get_executable(), line)
        status = self._children.run(command, where["cwd"], where["env"], say)
        if status:
            raise StageCmdFailedError(line, f"{_in_words(status)}: {said[0]}")

    def end(self) -> None:
        """See `loop.Work`."""
        self._children.end()


def _settings(stage: Stage) -> dict[str, Any]:
    """The params that a stage depends on, with the values that they have now."""
    return {name: value for file in stage.params for name, value in file.read_params().items()}


def _in_words(status: int) -> str:
    with suppress(ValueError):
        return f"{status} ({signal.Signals(status - OF_SIGNALS).name})"
    return str(status)
