"""Clean the recordings of another task: with an enhancer's network, with RNNoise or with the spectral gate.

Voice activity is looked for in what was cleaned, where an entry asks for it: the features that it reads were then
packed without (`front_end.vad: none`, or no front end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from voxdag.audio.denoise import spectral_gate
from voxdag.audio.front_end import VAD, FrontEnd, process
from voxdag.audio.rnnoise import rnnoise
from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Row, Shards, Tracks, wave_at
from voxdag.tasks.enhance.stretches import BUFFERS, OUTPUT_SIZE, RATE, enhance, in_16_bits
from voxdag.tasks.enhance.stretches import Settings as Stretches

__all__ = ["BUFFERS", "KEEPS_LENGTHS", "OUTPUT_SIZE", "Settings", "clean", "tracks"]

KEEPS_LENGTHS = False  # voice activity detection may cut; `clean` sees to it that nothing else does
TAKER = "cleaning speech"  # in messages
NETWORK = "network"
METHODS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"rnnoise": rnnoise, "spectral_gate": spectral_gate}


@dataclass(frozen=True)
class Settings:
    """method      network: the entry's; rnnoise, spectral_gate: without one
    vad         none: nothing is cut; trim, speech: as the front end does (voxdag/audio/front_end.py), in what is clean
    stretches   how recordings go through the network
    """

    method: str
    vad: str
    stretches: Stretches

    def __post_init__(self) -> None:
        bounds.one_of(self, (NETWORK, *METHODS), "method")
        bounds.one_of(self, VAD, "vad")


def tracks(network: nn.Module | None, shards: Shards, settings: Settings) -> Tracks:
    """One wave at RATE. Raises Refused for recordings that are another, and as `check_network` does."""
    check_network(network, settings.method)
    shards.waves(RATE, TAKER)
    return wave_at(RATE)


def clean(
    network: nn.Module | None, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, dict[str, np.ndarray]]]:
    """Each recording, cleaned; without voice activity detection as long as it was.

    Where that is asked for, its row says what the front end says of one. Raises Refused as `tracks` does, and, with the
    recording, for a method that changes a length.
    """
    tracks(network, shards, settings)
    waves = shards.waves(RATE, TAKER)
    made = cleaned(network, waves, settings, device)
    for name, length, wave in zip(waves.ids, waves.lengths, made, strict=True):
        if len(wave) != length:
            raise Refused(f"{settings.method} made {len(wave)} samples of the {length} of {name}")
        columns, left = cut(wave, settings.vad)
        yield {"id": name} | columns, {"wave": left}


def cleaned(
    network: nn.Module | None, waves: PackedTrack, settings: Settings, device: torch.device
) -> Iterator[np.ndarray]:
    """What the method makes of each recording: (n,) int16."""
    if settings.method == NETWORK:
        return in_16_bits(enhance(network, waves, settings.stretches, device))  # type: ignore[arg-type]
    method = METHODS[settings.method]
    return in_16_bits(method(waves.wave(i), RATE) for i in range(len(waves)))


def cut(wave: np.ndarray, vad: str) -> tuple[Row, np.ndarray]:
    """What voice activity detection says of (n,) int16, and what it leaves: (m,) int16."""
    if vad == "none":
        return {}, wave
    processed = process(wave, RATE, FrontEnd(denoise="none", vad=vad, max_seconds=None, min_seconds=0.0))
    return processed.columns | {"seconds": len(processed.samples) / RATE}, processed.samples


def check_network(network: nn.Module | None, method: str) -> None:
    """Raises Refused for a method `network` without one, and for a network that the method has no use for."""
    if (network is not None) != (method == NETWORK):
        found = "no network" if network is None else type(network).__name__
        raise Refused(f"method is {method!r} and the entry names {found}: expected a network for {NETWORK!r} alone")
