"""Seeding torch's own generators by name, for what cannot be given a generator: dropout and initial weights."""

from __future__ import annotations

import torch

from voxdag.core import streams


def seed_torch(seed: int, *names: object) -> None:
    """Seed the generators of all devices."""
    torch.manual_seed(streams.key(seed, *names) % 2**63)
