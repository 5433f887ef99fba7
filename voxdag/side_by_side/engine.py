"""`dvc repro` with another loop: DVC collects, checks, restores, saves and locks as ever; commands run side by side.

DVC's `Repo.reproduce` collects the stages of its targets and hands them to `_reproduce`, which takes them in turn to
`Stage.reproduce`. That looks whether the stage has changed, takes its outputs from the run cache or calls `cmd_run`,
saves them and writes dvc.lock. Here `_reproduce` takes each stage there in a thread, as soon as those that it waits for
are done and its share of the machine is free, and `cmd_run` lends its turn at the repository (`turn.py`) while the
command runs. All else is DVC's own.

DVC has no place to put another loop into: both functions are replaced for as long as a run takes, in this process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dvc.exceptions import ReproductionError
from dvc.repo import Repo
from dvc.repo import reproduce as serial
from dvc.stage import Stage
from dvc.stage import run as single

from voxdag.core.files import write_bytes
from voxdag.side_by_side import lockfiles
from voxdag.side_by_side.loop import IGNORE, STOP, Loop, Order
from voxdag.side_by_side.paths import Graph
from voxdag.side_by_side.report import RAN, RESTORED, VERIFIED, Record, table
from voxdag.side_by_side.screen import Screen
from voxdag.side_by_side.slots import Slots
from voxdag.side_by_side.turn import Turn
from voxdag.side_by_side.work import Asked, DvcWork

if TYPE_CHECKING:
    from networkx import DiGraph

TIMES = Path("data/runs/stages.json")  # below the repository: seconds that each stage took when it last ran; no output


class SideBySide:
    """Of the last `reproduce`: records, what became of each stage; failed, those that did; table, lines of all that."""

    def __init__(self, repo: Repo, slots: Slots, quiet: bool = False):
        self._repo, self._slots, self._quiet = repo, slots, quiet
        self.records: Mapping[str, Record] = {}
        self.failed: list[str] = []
        self.table: list[str] = []

    def reproduce(self, **options: Any) -> None:
        """As `Repo.reproduce`, with its options. Raises DVC's errors, ReproductionError where stages failed."""
        with _replaced(serial, "_reproduce", self._all):
            self._repo.reproduce(**options)

    def _all(
        self,
        stages: list[Stage],
        graph: DiGraph | None = None,
        force_downstream: bool = False,
        on_error: str = STOP,
        force: bool = False,
        repro_fn: Callable[..., Stage | None] = serial._reproduce_stage,
        **options: Any,
    ) -> list[Stage]:
        """In the place of `dvc.repo.reproduce._reproduce`, whose arguments these are. DVC holds its lock when it calls
        this, and when this returns.

        stages  in the order of the serial run
        graph   from each stage to those that it depends on; None: each for itself, as by --single-item
        """
        named = {stage.addressing: stage for stage in stages}
        order = Order(
            above=_above(named, graph, self._repo),
            below={name: _names(graph.predecessors(stage), named) for name, stage in named.items()} if graph else {},
            on_error=on_error,
            forced=frozenset(named if force else ()),
            force_below=force_downstream,
            times=_times(self._repo),
        )
        upstream = {name: list(graph.successors(stage)) if graph else [] for name, stage in named.items()}
        self._run(order, Asked(named, upstream, repro_fn, options))
        if self.failed and on_error != IGNORE:
            raise ReproductionError(f"failed to reproduce {', '.join(self.failed)}")
        return [named[name] for name, record in self.records.items() if record.outcome in (RAN, RESTORED, VERIFIED)]

    def _run(self, order: Order, asked: Asked) -> None:
        before = lockfiles.known(asked.stages.values())
        screen = Screen(order.above, self._quiet)
        work = DvcWork(asked, Turn(self._repo), screen)
        loop = Loop(order, work, self._slots, screen)
        self._repo.lock.unlock()
        try:
            with _replaced(single, "cmd_run", work.run_commands):
                loop.run()
        finally:
            self._repo.lock.lock()
            screen.close()
            lockfiles.restore_order(asked.stages.values(), before)
            self.records, self.failed = loop.records, loop.failed
            self.table = table(loop.records, order.above, loop.seconds)
            _write_times(self._repo, loop.records)


def _above(named: Mapping[str, Stage], graph: DiGraph | None, repo: Repo) -> Graph:
    """Stage -> those of these stages that have to be done before it.

    Without a graph, what was named first goes first where one of two depends on the other, if by stages between them.
    """
    if graph:
        return {name: _names(graph.successors(stage), named) for name, stage in named.items()}
    import networkx as nx

    whole, names = serial.get_active_graph(repo.index.graph), list(named)
    related = {name: nx.descendants(whole, stage) | nx.ancestors(whole, stage) for name, stage in named.items()}
    return {name: [one for one in _names(related[name], named) if one in names[:i]] for i, name in enumerate(names)}


def _names(stages: Iterator[Stage] | set[Stage], named: Mapping[str, Stage]) -> list[str]:
    """The names of those of these stages that are named, in that order."""
    names = {stage.addressing for stage in stages}
    return [name for name in named if name in names]


def _times(repo: Repo) -> dict[str, float]:
    """Seconds that stages took before; nothing where none was timed."""
    try:
        return {name: float(seconds) for name, seconds in json.loads(_path(repo).read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # it only says what is begun first
        return {}


def _write_times(repo: Repo, records: Mapping[str, Record]) -> None:
    took = {name: round(record.seconds, 1) for name, record in records.items() if record.outcome == RAN}
    write_bytes(_path(repo), (json.dumps(_times(repo) | took, indent=2, sort_keys=True) + "\n").encode())


def _path(repo: Repo) -> Path:
    return Path(repo.root_dir) / TIMES


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
