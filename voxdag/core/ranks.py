"""Which of the processes that train together this one is, and what they tell one another on the host.

A process that was started alone is the first of one: it has all of everything, and nothing is sent. What is sent waits
for the others, so all of them must come to the same calls in the same order.
"""

from __future__ import annotations

import os
import platform
from typing import TypeVar

import torch
import torch.distributed as dist

from voxdag.core.errors import Refused

Value = TypeVar("Value")


def count() -> int:
    """The processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this one among them, from 0 on."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that writes and reports."""
    return rank() == 0


def share(n: int) -> slice:
    """Which of n neighbouring things are this process's: the first n % count processes have one more than the rest."""
    least, more = divmod(n, count())
    start = rank() * least + min(rank(), more)
    return slice(start, start + least + (rank() < more))


def gathered(value: Value) -> list[Value]:
    """What each process has, in their order; values are pickled."""
    if count() == 1:
        return [value]
    values: list = [None] * count()
    dist.all_gather_object(values, value)
    return values


def of_first(numbers: list[float]) -> list[float]:
    """The first process's, as many as this one has."""
    if count() == 1:
        return numbers
    told = torch.tensor(numbers, dtype=torch.float64)
    dist.broadcast(told, src=0)
    return told.tolist()


def meet() -> None:
    """Wait until all processes are here."""
    gathered(None)


def agree(what: str, value: object) -> None:
    """Raises Refused, in every process, where one has another value than the first. Waits for all of them."""
    values = gathered(value)
    others = [i for i, other in enumerate(values) if other != values[0]]
    if others:
        raise Refused(
            f"{what} is {values[0]!r} in process 0 and {values[others[0]]!r} in process {others[0]}: expected machines "
            "of one class with the same code, and one folder that all processes see"
        )


def on_these_processors() -> int:
    """How many of the processes, this one among them, may run on the processors of this one."""
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    mine = (platform.node(), processors)
    return gathered(mine).count(mine)
