"""Which metrics had a part in training or in the choice of the weights: what a network carries in a buffer.

A metric that had a part in either is no judge. Nor is one that contains it (the composites contain PESQ, SSNR, LLR and
WSS), or one that is another form of it (PESQ's bands, STOI and ESTOI). This module stands apart from what measures
them: training writes the marks, and a changed metric trains nothing anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from voxdag.core.errors import Refused
from voxdag.tasks.enhance.names import METRICS

FOLLOWING = {  # metric -> those that it has a part in, and its other forms
    "pesq": ("pesq_nb", "csig", "cbak", "covl"),
    "stoi": ("estoi",),
    "estoi": ("stoi",),
    "ssnr": ("cbak",),
    "llr": ("csig", "covl"),
    "wss": ("csig", "cbak", "covl"),
}


def with_parts(optimised: Collection[str]) -> tuple[str, ...]:
    """The metrics that were optimised, and those that contain one of them or are another form of it, in the order of
    METRICS.

    Raises Refused for a name that is no metric.
    """
    unknown = sorted(set(optimised) - set(METRICS))
    if unknown:
        raise Refused(f"{', '.join(unknown)} cannot be optimised: expected some of {', '.join(METRICS)}")
    reached = set(optimised).union(*(FOLLOWING.get(metric, ()) for metric in optimised))
    return tuple(metric for metric in METRICS if metric in reached)


def mask(optimised: Collection[str]) -> list[bool]:
    """Which of METRICS were optimised, as a network's buffer holds it. Raises Refused as `with_parts` does."""
    reached = with_parts(optimised)
    return [metric in reached for metric in METRICS]


def of_mask(marks: Iterable[bool]) -> tuple[str, ...]:
    """The metrics that `mask` marks."""
    return tuple(metric for metric, marked in zip(METRICS, marks, strict=True) if marked)
