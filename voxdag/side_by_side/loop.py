"""Which stage is begun when: as soon as those that it waits for are done and its share of the machine is free."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Protocol

from voxdag.side_by_side.paths import Graph, urgency
from voxdag.side_by_side.report import FAILED, UNCHANGED, Record
from voxdag.side_by_side.screen import Screen
from voxdag.side_by_side.slots import Needs, Share, Slots

STOP, KEEP_GOING, IGNORE = "fail", "keep-going", "ignore"  # DVC's names for what follows a stage's failure
GLANCE = 1.0  # s between two looks at the clock of the status line


class Work(Protocol):
    """What is done with a stage, by its name."""

    def look(self, name: str, forced: bool) -> Needs | None:
        """What the stage needs to be reproduced, or None where it has not changed."""

    def reproduce(self, name: str, share: Share, forced: bool) -> str:
        """Reproduce it and give the outcome; called in a thread. Raises whatever it failed with."""

    def end(self) -> None:
        """End what is going on."""


@dataclass(frozen=True)
class Order:
    """above         stage -> those that have to be done before it
    below         stage -> those that depend on it directly, and are not begun where it fails
    on_error      STOP: begin no more, and let those that run come to their end; KEEP_GOING: begin all but those below a
                  stage that failed; IGNORE: begin all
    forced        stages that run also where nothing has changed
    force_below   whether those below a stage that ran are forced
    times         seconds that stages took before; those before the longest chains are begun first
    """

    above: Graph
    below: Mapping[str, Sequence[str]]
    on_error: str = STOP
    forced: frozenset[str] = frozenset()
    force_below: bool = False
    times: Mapping[str, float] = field(default_factory=dict)


class Loop:
    """records: stage -> what became of it, in the order of the serial run."""

    def __init__(self, order: Order, work: Work, slots: Slots, screen: Screen):
        self._order, self._work, self._slots, self._screen = order, work, slots, screen
        self._urgency = urgency(order.above, order.times)
        self._began = time.monotonic()
        self._sorter = TopologicalSorter(order.above)
        self._waiting: dict[str, Needs] = {}
        self._running: dict[Future, tuple[str, Share]] = {}
        self._forced, self._skipped, self._stopped = set(order.forced), set[str](), False
        self.records = {name: Record() for name in order.above}

    @property
    def seconds(self) -> float:
        """Since the loop was made."""
        return time.monotonic() - self._began

    @property
    def failed(self) -> list[str]:
        """The stages that failed."""
        return [name for name, record in self.records.items() if record.outcome == FAILED]

    def run(self) -> None:
        """To the end. Whatever interrupts it ends the stages that run, and waits for that."""
        self._sorter.prepare()
        with ThreadPoolExecutor(self._slots.processors) as pool:
            try:
                self._go_on(pool)
            except BaseException:
                self._work.end()
                raise

    def _go_on(self, pool: ThreadPoolExecutor) -> None:
        while True:
            self._settle()
            self._begin(pool)
            if not self._running:
                return
            self._screen.status([name for name, _ in self._running.values()])
            for future in wait(self._running, GLANCE, FIRST_COMPLETED).done:
                self._ended(future, *self._running.pop(future))

    def _settle(self) -> None:
        """Look at all stages that can be looked at: behind one that has not changed there may be others."""
        while ready := self._sorter.get_ready() if self._sorter.is_active() else ():
            for name in ready:
                self._look(name)

    def _look(self, name: str) -> None:
        record = self.records[name]
        record.ready, record.after = self.seconds, self._latest(name)
        if self._stopped:
            return
        needs = None if name in self._skipped else self._work.look(name, name in self._forced)
        if needs is not None:
            self._waiting[name] = needs
            return
        if name not in self._skipped:
            record.outcome = UNCHANGED
        record.ended = self.seconds
        self._done(name)

    def _latest(self, name: str) -> str:
        """The stage that was begun and that this one waited for longest; nothing where it waited for none."""
        latest = max(self._order.above[name], key=lambda parent: self.records[parent].ended, default="")
        return latest if not latest or self.records[latest].begun else self.records[latest].after

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        for name in sorted(self._waiting, key=self._urgency.__getitem__, reverse=True):
            if self._stopped:
                return
            share = self._slots.take(self._waiting[name], len(self._running) + len(self._waiting))
            if share is not None:
                del self._waiting[name]
                self.records[name].begun = self.seconds
                future = pool.submit(self._work.reproduce, name, share, name in self._forced)
                self._running[future] = (name, share)

    def _ended(self, future: Future, name: str, share: Share) -> None:
        self._slots.give_back(share)
        record, error = self.records[name], future.exception()
        record.ended = self.seconds
        if error is not None:
            self._fail(name, error)
            return
        record.outcome = future.result()
        self._screen.say(name, f"{record.outcome}: {record.seconds:.1f} s")
        if self._order.force_below:
            self._forced.update(self._order.below.get(name, ()))
        self._done(name)

    def _fail(self, name: str, error: BaseException) -> None:
        record = self.records[name]
        record.outcome, record.error = FAILED, " ".join(str(error).split()) or type(error).__name__
        self._screen.say(name, f"{FAILED}: {record.error}")
        self._stopped = self._order.on_error == STOP
        if self._order.on_error == KEEP_GOING:
            self._skipped |= self._all_below(name)
        if not self._stopped:
            self._done(name)

    def _all_below(self, name: str) -> set[str]:
        found, open_ends = set[str](), [name]
        while open_ends:
            new = set(self._order.below.get(open_ends.pop(), ())) - found
            found |= new
            open_ends += new
        return found

    def _done(self, name: str) -> None:
        self._sorter.done(name)
        self._screen.advance()
