"""What is seen of a run while it goes on: each stage's output under its name, and below it what runs."""

from __future__ import annotations

import sys
from collections.abc import Collection

from tqdm import tqdm


class Screen:
    """On a terminal the last line says how many stages are done, and which run.

    names: of all stages. quiet: nothing is seen
    """

    def __init__(self, names: Collection[str], quiet: bool = False):
        self._width, self._quiet = max(map(len, names), default=0), quiet
        form = "{n_fmt} of {total_fmt} stages, {elapsed}{postfix}"
        on_terminals = quiet or None  # None is tqdm's word for it
        self._bar = tqdm(total=len(names), bar_format=form, leave=False, disable=on_terminals)

    def say(self, stage: str, line: str) -> None:
        """A line of a stage's output; from any thread."""
        if self._quiet:
            return
        try:
            tqdm.write(f"{stage:<{self._width}} | {line}")
            sys.stdout.flush()
        except BrokenPipeError:  # who read it has seen enough; stages go on, and are read so that they can
            self._quiet = True

    def status(self, running: Collection[str]) -> None:
        """Which stages run."""
        self._bar.set_postfix_str(", ".join(running))

    def advance(self) -> None:
        """One more stage is done."""
        self._bar.update()

    def close(self) -> None:
        """Take the last line away."""
        self._bar.close()
