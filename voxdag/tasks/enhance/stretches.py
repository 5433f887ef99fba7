"""Enhancing recordings of any length with a network: in stretches that fade into one another.

It stands apart from what measures the result: who only cleans recordings depends on no metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from voxdag.audio.decode import to_int16
from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.tasks import scoring_loop
from voxdag.tasks.enhance import names
from voxdag.tasks.enhance.data import TASK
from voxdag.tasks.enhance.tracks import RATE as RATE
from voxdag.tasks.scoring_loop import NotFinite, Recordings, float_waves, padded

TAKES = ("waves",)  # what networks may take (see models/__init__.py)
OUTPUT_SIZE = 1  # of a network: one wave
# Which metrics had a part in training or in the choice of the weights: see `marks.mask`
BUFFERS: Mapping[str, Tensor] = {names.OPTIMISED: torch.zeros(len(names.METRICS), dtype=torch.bool)}


@dataclass(frozen=True)
class Settings:
    """How recordings go through the network.

    batch_size  recordings at once
    samples     the longest stretch at once; a longer recording is cut into stretches of it
    overlap     samples that neighbouring stretches share, and in which one fades into the other
    """

    batch_size: int
    samples: int
    overlap: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "batch_size", "samples", "overlap")
        if 2 * self.overlap > self.samples:
            raise Refused(f"overlap is {self.overlap}, expected half of samples, {self.samples}, at most")


def in_16_bits(waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Waves (n,) with full scale at 1 -> int16; what lies beyond is cut off."""
    return (to_int16(wave)[0] for wave in waves)


@torch.inference_mode()
def enhance(
    network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device
) -> Iterator[np.ndarray]:
    """Each recording, enhanced, exactly as long as it was: int16 (n,) -> float32 (n,), in their order.

    Memory is that of a batch of `samples`, whatever the recordings' lengths, beside one of these. Raises NotFinite for
    an output that is no number.
    """
    scoring_loop.check_takes(network, TAKES, TASK)
    network.eval()
    for rows in scoring_loop.in_order(recordings, settings.batch_size):
        heard = [np.asarray(recordings[i]) for i in rows]
        whole = [i for i, wave in enumerate(heard) if len(wave) <= settings.samples]
        made = dict(zip(whole, _at_once(network, [heard[i] for i in whole], device), strict=True))
        for i, (row, wave) in enumerate(zip(rows, heard, strict=True)):
            enhanced_wave = made[i] if i in made else _in_stretches(network, wave, settings, device)
            if not np.isfinite(enhanced_wave).all():
                raise NotFinite(f"what the network makes of recording {_name(recordings, row)} is not finite")
            yield enhanced_wave


def _at_once(network: nn.Module, waves: Sequence[np.ndarray], device: torch.device) -> list[np.ndarray]:
    if not waves:
        return []
    batch, lengths = padded(waves)
    made = network(float_waves(batch, device), lengths.to(device)).float().cpu().numpy()
    return [wave[:length] for wave, length in zip(made, lengths.tolist(), strict=True)]


def _in_stretches(network: nn.Module, wave: np.ndarray, settings: Settings, device: torch.device) -> np.ndarray:
    """Overlap-add of stretches with linear fades, which sum to 1."""
    made = np.zeros(len(wave), np.float32)
    starts = range(0, len(wave) - settings.overlap, settings.samples - settings.overlap)
    for group in (starts[i : i + settings.batch_size] for i in range(0, len(starts), settings.batch_size)):
        parts = _at_once(network, [wave[start : start + settings.samples] for start in group], device)
        for start, part in zip(group, parts, strict=True):
            made[start : start + len(part)] += part * _fades(len(part), start, len(wave), settings.overlap)
    return made


def _fades(length: int, start: int, total: int, overlap: int) -> np.ndarray:
    """The share that a stretch has: 1, rising from the one before, falling to the one behind."""
    share, rise = np.ones(length, np.float32), (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    if start > 0:
        share[:overlap] = rise
    if start + length < total:
        share[-overlap:] = 1 - rise
    return share


def _name(recordings: Recordings, row: int) -> str:
    return str(recordings.ids[row]) if hasattr(recordings, "ids") else str(row)
