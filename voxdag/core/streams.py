"""Random streams by name: a function of (seed, what it is for, which epoch, which utterance), never of what ran before.

So the number of workers, a resume or a logging option cannot change a result, and nothing draws from a global
generator. What torch draws from its own generator (dropout, initial weights) is the exception: see `training.seeding`.
"""

from __future__ import annotations

import hashlib

import numpy as np


def key(seed: int, *names: object) -> int:
    """A 128-bit key; names are told apart by type and place, so ("a", 1), ("a", "1") and ("a1",) differ."""
    return int.from_bytes(hashlib.blake2b(repr((seed, *names)).encode(), digest_size=16).digest(), "little")


def generator(seed: int, *names: object) -> np.random.Generator:
    """A counter-based generator (Philox 4x64) of its own for these names."""
    return np.random.Generator(np.random.Philox(key=key(seed, *names)))


def order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order, (n,), in which an epoch visits its n utterances."""
    return generator(seed, "order", epoch).permutation(n)
