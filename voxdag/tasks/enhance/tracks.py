"""The two tracks of a folder of noisy recordings, as they are packed."""

from __future__ import annotations

from voxdag.data.shards import PackedTrack, Shards, check_rate
from voxdag.tasks.enhance.data import TASK

RATE = 16_000  # Hz


def track(shards: Shards, name: str) -> PackedTrack:
    """A track of 16-bit samples at RATE. Raises Refused where there is none, or it is at another rate."""
    found = shards.track(name)
    check_rate(found.track.rate, RATE, f"{shards.folder}, track {name}, is", TASK, "enhance")
    return found
