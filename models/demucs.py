"""Demucs for speech: a causal U-Net on the raw waveform that removes noise.

    wave -> x4 rate -> encoder 0 .. 4 -> LSTM -> decoder 0 .. 4 -> rate / 4 -> wave
                          \\________ skips, added ________/

Source: Defossez, Synnaeve and Adi, "Real Time Speech Enhancement in the Waveform Domain", Interspeech 2020 (arXiv
2006.12847), and its official program, facebookresearch/denoiser at 8afd7c16, whose state dicts (of its files
dns48-11decc9d8e3f0998.th, dns64-a7761ff99a7d5bb6.th) load here with strict=True. Departure: fresh weights are torch's
own, not rescaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000  # Hz
KERNEL, STRIDE = 8, 4
GROWTH = 2  # channels of a level over those of the one above
UPSAMPLING = 4
STD_FLOOR = 1e-3  # added to the standard deviation that the wave is divided by
ZERO_CROSSINGS = 56  # of the interpolating sinc, to either side


def half_sample_sinc() -> Tensor:
    """Hann-windowed sinc at the odd multiples of half a sample, -55.5 to 55.5: (2 * ZERO_CROSSINGS,), float32."""
    places = np.arange(2 * ZERO_CROSSINGS) - ZERO_CROSSINGS + 0.5
    return torch.from_numpy(np.sinc(places) * np.hanning(4 * ZERO_CROSSINGS + 1)[1::2]).float()


class Resampler(nn.Module):
    """Double or halve the rate of (N, 1, T) by sinc interpolation (Smith and Gossett, ICASSP 1984)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", half_sample_sinc()[None, None], persistent=False)

    def double(self, wave: Tensor) -> Tensor:  # type: ignore[override]  # of torch's name for "to float64"
        between = F.conv1d(wave, self.kernel, padding=ZERO_CROSSINGS)[..., 1:]
        return torch.stack([wave, between], dim=-1).flatten(-2)  # (N, 1, 2 T)

    def halve(self, wave: Tensor) -> Tensor:
        even, odd = wave.unflatten(-1, (-1, 2)).unbind(-1)  # (N, 1, T / 2) twice
        return (even + F.conv1d(odd, self.kernel, padding=ZERO_CROSSINGS)[..., :-1]) / 2


class Sequence(nn.Module):
    """Two layers of a causal LSTM over (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, num_layers=2)

    def forward(self, features: Tensor) -> Tensor:
        states, _ = self.lstm(features.permute(2, 0, 1))  # (T, B, C)
        return states.permute(1, 2, 0)  # (B, C, T)


def encoder_level(inputs: int, channels: int) -> nn.Sequential:
    """(B, inputs, STRIDE T + KERNEL - STRIDE) -> (B, channels, T)."""
    return nn.Sequential(
        nn.Conv1d(inputs, channels, KERNEL, STRIDE), nn.ReLU(), nn.Conv1d(channels, 2 * channels, 1), nn.GLU(1)
    )


def decoder_level(channels: int, outputs: int, last: bool) -> nn.Sequential:
    """(B, channels, T) -> (B, outputs, STRIDE T + KERNEL - STRIDE)."""
    layers = [
        nn.Conv1d(channels, 2 * channels, 1),
        nn.GLU(1),
        nn.ConvTranspose1d(channels, outputs, KERNEL, STRIDE),
    ]
    return nn.Sequential(*layers) if last else nn.Sequential(*layers, nn.ReLU())


@dataclass(frozen=True)
class DemucsConfig:
    """hidden: channels of the first level.  depth: levels."""

    hidden: int
    depth: int = 5

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.depth < 1:
            raise ValueError(f"hidden {self.hidden}, depth {self.depth}: expected at least 1 of each")


CONFIGS = {"dns48": DemucsConfig(hidden=48), "dns64": DemucsConfig(hidden=64)}


class Demucs(nn.Module):
    """Enhancer: noisy waves in, enhanced waves out; with several outputs, as many waves of each."""

    TAKES = "wave"

    def __init__(self, config: DemucsConfig, outputs: int = 1) -> None:
        super().__init__()
        channels = [1] + [config.hidden * GROWTH**level for level in range(config.depth)]
        encoder, decoder = pairwise(channels), pairwise([outputs, *channels[1:]])
        self.depth = config.depth
        self.resampler = Resampler()
        self.encoder = nn.ModuleList(encoder_level(outer, inner) for outer, inner in encoder)
        self.lstm = Sequence(channels[-1])
        self.decoder = nn.ModuleList(
            decoder_level(inner, outer, last=level == 0) for level, (outer, inner) in reversed([*enumerate(decoder)])
        )

    def forward(self, noisy: Tensor) -> Tensor:
        """Enhance waves (B, T) at 16 kHz, full scale 1: -> (B, T), or (B, outputs, T) where there are several.

        Each wave is divided by its standard deviation over T, so the waves of a batch should not be padded.

        Raises ValueError unless `noisy` is a float wave of shape (B, T) of at least two samples.
        """
        check_wave(noisy)
        samples = noisy.shape[1]
        std = noisy.std(dim=1, keepdim=True)  # (B, 1)
        wave = F.pad(noisy / (STD_FLOOR + std), (0, padded_length(samples, self.depth) - samples))
        features = self.resampler.double(self.resampler.double(wave.unsqueeze(1)))  # (B, 1, 4 T)
        skips = []
        for level in self.encoder:
            features = level(features)  # (B, C, frames)
            skips.append(features)
        features = self.lstm(features)
        for level in self.decoder:
            features = level(features + skips.pop())
        sources = features.flatten(0, 1).unsqueeze(1)  # (B * outputs, 1, 4 T)
        sources = self.resampler.halve(self.resampler.halve(sources))  # (B * outputs, 1, T)
        enhanced = sources.view(len(noisy), -1, sources.shape[2])[..., :samples]  # (B, outputs, T)
        return (std[:, None] * enhanced).squeeze(1)


def padded_length(samples: int, depth: int) -> int:
    """The shortest length from `samples` on of which no level of the encoder leaves a sample over."""
    length = samples * UPSAMPLING
    for _ in range(depth):
        length = max(-((KERNEL - length) // STRIDE) + 1, 1)
    for _ in range(depth):
        length = (length - 1) * STRIDE + KERNEL
    return length // UPSAMPLING  # exact: STRIDE and KERNEL are multiples of it


def check_wave(wave: Tensor) -> None:
    if wave.ndim != 2 or not wave.is_floating_point() or wave.shape[1] < 2:
        found = f"{wave.dtype} of shape {tuple(wave.shape)}"
        raise ValueError(f"expected a float wave of shape (B, T) of at least 2 samples, got {found}")


def build(config: DemucsConfig, outputs: int) -> Demucs:
    """See `models`."""
    return Demucs(config, outputs)
