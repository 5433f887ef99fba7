"""What became of each stage, and the table of it at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from voxdag.side_by_side.paths import Graph, longest_chain

RAN, RESTORED, VERIFIED = "ran", "from the cache", "verified"  # verified: without a command, or frozen
UNCHANGED, FAILED, SKIPPED = "did not change", "failed", "not begun"
NOTABLE = 1.0  # s of waiting that are worth a word


@dataclass
class Record:
    """A stage of this run.

    outcome        one of the above
    after          the stage that it waited for longest; nothing where it waited for none
    ready          when the last stage that it waits for had ended, s since the begin of the run
    begun, ended   when it itself had a share of the machine, and was done
    error          why it failed, in one line
    """

    outcome: str = SKIPPED
    after: str = ""
    ready: float = 0.0
    begun: float = 0.0
    ended: float = 0.0
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long it took, DVC's part included."""
        return self.ended - self.begun

    @property
    def waited(self) -> float:
        """Seconds that it waited for processors, for a GPU, or for DVC to look at others."""
        return self.begun - self.ready


def table(records: Mapping[str, Record], above: Graph, seconds: float) -> list[str]:
    """Lines: each stage that was begun, how many had which outcome, and what the time went into.

    above     what each stage waits for
    seconds   of the whole run
    """
    begun = {name: record for name, record in records.items() if record.outcome not in (UNCHANGED, SKIPPED)}
    counts = Counter(record.outcome for record in records.values())
    in_words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return [*_rows(begun), f"{len(records)} stages: {in_words}", *_sums(begun, above, seconds)]


def _rows(begun: Mapping[str, Record]) -> list[str]:
    if not begun:
        return []
    width = max(len("stage"), *map(len, begun))
    header = f"{'stage':<{width}}  seconds  begun at  waited for"
    in_order = sorted(begun, key=lambda name: begun[name].begun)
    return [header, *(f"{name:<{width}}  {_row(begun[name])}" for name in in_order)]


def _row(record: Record) -> str:
    slot = f"{record.waited:.0f} s for its share" if record.waited >= NOTABLE else ""
    waited = ", then ".join(filter(None, (record.after, slot))) or "-"
    mark = "" if record.outcome == RAN else f"  ({record.outcome})"
    return f"{record.seconds:7.1f}  {record.begun:8.1f}  {waited}{mark}"


def _sums(begun: Mapping[str, Record], above: Graph, seconds: float) -> list[str]:
    if not begun:
        return []
    took = {name: record.seconds for name, record in begun.items()}
    chain, total = longest_chain(above, took), sum(took.values())
    return [
        f"longest chain, {sum(took[name] for name in chain):.1f} s: {', '.join(chain)}",
        f"{seconds:.1f} s in all for {total:.1f} s of stages: {total / seconds:.2f} at a time",
    ]
