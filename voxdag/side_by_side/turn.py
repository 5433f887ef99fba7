"""One at a time uses DVC's repository; while commands run, nobody does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from dvc.repo import Repo


class Turn:
    """Whose turn it is to use the repository: that of a thread, which holds DVC's lock on it against other processes.

    DVC is not made for threads that share a repository. They take turns, so it never meets two.
    """

    def __init__(self, repo: Repo):
        self._repo, self._threads, self._words = repo, Lock(), sys.argv

    @contextmanager
    def taken(self, stage: str) -> Iterator[None]:
        """DVC's lock is held within, by this thread, for a stage."""
        with self._threads:
            self._call_it(stage)
            try:
                with self._repo.lock:
                    yield
            finally:
                sys.argv = self._words

    @contextmanager
    def lent(self, stage: str) -> Iterator[None]:
        """Within it is the turn of others. For use within `taken`, where DVC has given up its lock for a command."""
        self._threads.release()
        try:
            yield
        finally:
            self._threads.acquire()
            self._call_it(stage)

    def _call_it(self, stage: str) -> None:
        """DVC tells holders of its locks on paths apart by process and command line: with this, each stage is one."""
        sys.argv = [*self._words[:1], stage]
