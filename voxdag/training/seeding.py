"""Seeding global generators by name, for what cannot be given a generator: dropout and initial weights."""

from __future__ import annotations

import random

import numpy as np
import torch

from voxdag.core import streams


def seed_torch(seed: int, *names: object) -> None:
    """Seed the generators of all devices."""
    torch.manual_seed(streams.key(seed, *names) % 2**63)


def seed_global(seed: int, *names: object) -> None:
    """Seed torch's generators, numpy's and Python's.

    Our code draws from torch's alone; networks of other packages may draw from any (transformers masks the features of
    WavLM by numpy's).
    """
    seed_torch(seed, *names)
    np.random.seed(streams.key(seed, *names) % 2**32)  # noqa: NPY002 (what those packages draw from)
    random.seed(streams.key(seed, *names))
