"""A bar on a terminal, nothing elsewhere, and the items as they are."""

import io
import sys

import pytest

from voxdag.core.progress import track


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_on_terminals_alone(monkeypatch, terminal):
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(track(range(3), "replicates")) == [0, 1, 2]
    assert ("replicates" in stream.getvalue()) is terminal
