"""Executors for tests: in this process, and as a cluster's workers do."""

import pickle
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

from voxdag.core.cluster import session
from voxdag.core.cluster.carrier import Children
from voxdag.core.processes import MAIN


class Now(Executor):
    """Does the work when it comes, and counts it."""

    def __init__(self):
        self.done = 0

    def submit(self, function, *arguments):
        future, self.done = Future(), self.done + 1
        future.set_result(function(*arguments))
        return future


class Carried(Executor):
    """Does the work as a cluster does, without one: threads are the workers, and have processes of ours beside them."""

    def __init__(self, slots, ours):
        self.slots, self.session = slots, ours
        self.children, self.threads = Children(), ThreadPoolExecutor(slots)

    def submit(self, function, *words):
        return self.threads.submit(self._carry, pickle.dumps((function, words)))

    def _carry(self, payload):
        names = {self.session.program: MAIN} if self.session.program else {}
        result, error, _ = session.load(self.children.work(self.session, payload), names)
        if error is not None:
            raise error
        return result

    def end(self):
        self.children.end(self.session.name)
        self.threads.shutdown(cancel_futures=True)


class Cluster:
    """What `voxdag.core.cluster.dask` offers, by `Carried`; asked: the addresses and threads that it was asked for."""

    def __init__(self, slots=2):
        self.slots, self.asked = slots, []

    @contextmanager
    def workers(self, address, function, threads):
        self.asked.append((address, threads))
        with session.opened(function, threads) as ours:
            self.now = Carried(self.slots, ours)
            try:
                yield self.now
            finally:
                self.now.end()
