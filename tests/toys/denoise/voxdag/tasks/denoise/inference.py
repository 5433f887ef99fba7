"""What a denoiser makes of recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from voxdag.audio.decode import to_int16
from voxdag.data.shards import PackedTrack, Shards, Track, Tracks, check_rate, wave_at
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.scoring_loop import Recordings, float_waves, padded

TASK = "the denoiser"
RATE = 8000  # Hz
TAKES = ("waves",)
OUTPUT_SIZE = 1
BUFFERS: Mapping[str, Tensor] = {}
OUTPUTS = ("removed",)
MEASURES = ("si_sdr_noisy", "si_sdr", "noise_left")
DRAWN = {"removed": "removed"}
DRAWN_AXIS = "Share of the energy that is removed"
CROPS = False
TINY = 1e-12  # of energies


@dataclass(frozen=True)
class Settings:
    """samples: of the window of the output along a recording."""

    batch_size: int
    samples: int


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """The share of each recording's energy that the network removes."""

    def removed(waves: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        difference = ((waves - network(waves, lengths)) ** 2).sum(1, keepdim=True)
        return difference / ((waves**2).sum(1, keepdim=True) + TINY)

    return _table(network, recordings, settings, removed, OUTPUTS, device)


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean over networks."""
    return sum(tables) / len(tables)


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """MEASURES of each recording: SI-SDR (dB) before and after, and the share of the noise's energy that is left."""
    clean = track(shards, "clean")

    def measures(noisy: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        wanted = float_waves(padded([clean[i] for i in rows])[0], device)
        return torch.stack(quality(noisy, wanted, network(noisy, lengths)), dim=1)

    table = _table(network, track(shards, "noisy"), settings, measures, MEASURES, device)
    return prediction_tables.tabulate(shards.about, table)


def quality(noisy: Tensor, clean: Tensor, made: Tensor) -> tuple[Tensor, ...]:
    """MEASURES of waves (B, T): (B,) each."""
    left = ((made - clean) ** 2).sum(1) / (((noisy - clean) ** 2).sum(1) + TINY)
    return si_sdr(noisy, clean), si_sdr(made, clean), left


def tracks(shards: Shards) -> Tracks:
    """One wave."""
    return wave_at(RATE)


def enhanced(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device
) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """Each noisy recording, denoised."""
    waves = enhance(network, track(shards, "noisy"), settings, device)
    for row, wave in zip(shards.about.to_dict("records"), waves, strict=True):
        yield row, {"wave": to_int16(wave)[0]}


@torch.inference_mode()
def enhance(
    network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device
) -> Iterator[np.ndarray]:
    """Each recording, denoised, as long as it was: (n,) float32."""
    scoring_loop.check_takes(network, TAKES, TASK)
    for rows in scoring_loop.in_order(recordings, settings.batch_size):
        waves, lengths = padded([recordings[i] for i in rows])
        made = network(float_waves(waves, device), lengths.to(device)).cpu().numpy()
        yield from (wave[:length] for wave, length in zip(made, lengths.tolist(), strict=True))


def track(shards: Shards, name: str) -> PackedTrack:
    """A track of 16-bit samples at RATE. Raises Refused where there is none, or it is another."""
    found = shards.track(name)
    check_rate(found.track.rate, RATE, f"{shards.folder}, track {name}, is", TASK, None)
    assert found.track == Track("int16", (), RATE)
    return found


def si_sdr(made: Tensor, wanted: Tensor) -> Tensor:
    """SI-SDR (B,) in dB of waves (B, T), Le Roux et al. (ICASSP 2019):

    10 lg (|a s|^2 / |a s - m|^2) with a = <m, s> / |s|^2
    """
    scale = (made * wanted).sum(1, keepdim=True) / ((wanted**2).sum(1, keepdim=True) + TINY)
    target = scale * wanted
    return 10 * torch.log10(((target**2).sum(1) + TINY) / (((target - made) ** 2).sum(1) + TINY))


def _table(
    network: nn.Module,
    recordings: Recordings,
    settings: Settings,
    values: scoring_loop.Outputs,
    columns: Sequence[str],
    device: torch.device,
) -> pd.DataFrame:
    scoring_loop.check_takes(network, TAKES, TASK)
    batches = scoring_loop.by_length(recordings, settings.batch_size)
    scored = scoring_loop.score(network, recordings, batches, padded, values, device)
    return pd.DataFrame(scored, columns=list(columns))
