"""Log-mel spectrograms as a GAN sees them, and waves from them.

    waves (B, N) -> power of an STFT -> mel bands -> natural logarithm                (B, bands, frames)
    log-mels <-> values in -1..1, by the mean and standard deviation of each band of train (`Scaling`)
    log-mels -> magnitudes, none below 0, whose bands are these -> phases, by Griffin-Lim     (B, N)

Source of the inversion: Griffin and Lim, IEEE TASSP 32(2), 1984; its acceleration: Perraudin, Balazs and Sondergaard,
WASPAA 2013. Of the magnitudes: the multiplicative updates of Lee and Seung, "Algorithms for non-negative matrix
factorization", NIPS 2000, theorem 2, which lower the Kullback-Leibler divergence of the bands. (With the bands'
pseudo-inverse, its powers below 0 cut off, the bands of tonal music are 8 dB off; with these, 1 dB.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor

from voxdag.core import bounds, streams
from voxdag.core.errors import Refused

UPDATES = 32  # of the magnitudes
MOMENTUM = 0.99  # of the accelerated Griffin-Lim
TINY = 1e-16  # of powers
LIMIT = 3.0  # standard deviations that a value of 1 stands for, where ranges are matched
LEAST_DEVIATION = 0.05  # of a band, natural log: a band that never changes is not magnified


@dataclass(frozen=True)
class Mels:
    """bands      from 0 Hz to half the rate
    size, hop  of the STFT, samples
    frames     of a spectrogram: a crop of (frames - 1) * hop samples
    floor      power that is added before the logarithm
    """

    bands: int
    size: int
    hop: int
    frames: int
    floor: float

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "bands", "hop")
        bounds.at_least(self, 2, "size", "frames")
        bounds.above(self, 0, "floor")
        if self.size % 2:
            raise Refused(f"size is {self.size}, expected an even number: else a crop has a frame less than `frames`")
        if 2 * self.hop > self.size:
            raise Refused(f"hop is {self.hop}, expected half of size, {self.size}, at most: else phases are not found")

    @property
    def samples(self) -> int:
        """Of a crop."""
        return (self.frames - 1) * self.hop


class LogMel:
    """Log-mels of waves at `rate` Hz. Raises Refused for bands so narrow that one holds no bin."""

    def __init__(self, mels: Mels, rate: int, device: torch.device):
        self.mels = mels
        self.window = torch.hann_window(mels.size, device=device)
        bank = torchaudio.functional.melscale_fbanks(
            mels.size // 2 + 1, 0.0, rate / 2, mels.bands, rate
        )  # (bins, bands)
        empty = torch.nonzero(bank.sum(0) == 0)
        if len(empty):
            raise Refused(f"mel band {int(empty[0])} of {mels.bands} holds no bin of a {mels.size}-point transform")
        self.bank = bank.to(device)

    def __call__(self, waves: Tensor) -> Tensor:
        """(B, N) with full scale at 1 -> (B, bands, N // hop + 1)."""
        power = self._stft(waves).abs().square()
        return torch.log(self.bank.T @ power + self.mels.floor)

    def waves(self, log_mels: Tensor, rounds: int, phases: Tensor) -> Tensor:
        """Waves whose log-mels are near to these: (B, bands, frames) -> (B, (frames - 1) * hop).

        phases: (B, bins, frames), radians, to begin with; rounds: of Griffin-Lim.
        """
        power = self._power((log_mels.exp() - self.mels.floor).clamp(min=TINY))
        magnitude = power.clamp(min=TINY).sqrt()[..., None]  # (B, bins, frames, 1): complex numbers are pairs here
        angles = torch.stack([phases.cos(), phases.sin()], -1)
        before = torch.zeros_like(angles)
        for _ in range(rounds):
            found = torch.view_as_real(self._stft(self._istft(torch.view_as_complex(magnitude * angles))))
            angles = torch.sub(found, before, alpha=MOMENTUM / (1 + MOMENTUM))
            angles *= angles.square().sum(-1, keepdim=True).clamp(min=TINY**2).rsqrt()
            before = found
        return self._istft(torch.view_as_complex(magnitude * angles))

    def _power(self, bands: Tensor) -> Tensor:
        """Powers (B, bins, frames), none below 0, that have nearly these in the bands (B, bands, frames): each band's
        spread over its bins, then moved to where the bands ask for it."""
        of_bin = self.bank.sum(1, keepdim=True).clamp(min=TINY)
        power = self.bank @ (bands / self.bank.sum(0)[:, None]) / of_bin
        for _ in range(UPDATES):
            power = power * (self.bank @ (bands / (self.bank.T @ power).clamp(min=TINY)) / of_bin)
        return power

    def _stft(self, waves: Tensor) -> Tensor:
        return torch.stft(
            waves, self.mels.size, self.mels.hop, window=self.window, pad_mode="constant", return_complex=True
        )

    def _istft(self, spectra: Tensor) -> Tensor:
        return torch.istft(spectra, self.mels.size, self.mels.hop, window=self.window)


def phases(mels: Mels, seed: int, names: Iterable[str]) -> Tensor:
    """Uniform phases, one spectrogram's for each name: (n, bins, frames)."""
    shape = (mels.size // 2 + 1, mels.frames)
    drawn = [streams.generator(seed, "phases", name).uniform(-math.pi, math.pi, shape) for name in names]
    return torch.from_numpy(np.stack(drawn).astype(np.float32))


@dataclass(frozen=True)
class Scaling:
    """Log-mels as a generator makes them, in -1..1, and back.

    mean, deviation  of each band over train, (bands, 1)
    matched          whether values are brought into the generator's range: what lies more than LIMIT deviations from
                     the mean is cut off there, and that is 1. Else they are z-scores, which go beyond what it can make
    """

    mean: Tensor
    deviation: Tensor
    matched: bool

    @property
    def unit(self) -> Tensor:
        """What a value of 1 stands for, (bands, 1), natural logarithm of a power."""
        return self.deviation * (LIMIT if self.matched else 1.0)

    def scale(self, log_mels: Tensor) -> Tensor:
        """(B, bands, frames) log-mels -> values."""
        values = (log_mels - self.mean) / self.unit
        return values.clamp(-1, 1) if self.matched else values

    def unscale(self, values: Tensor) -> Tensor:
        """Values -> log-mels."""
        return values * self.unit + self.mean

    @staticmethod
    def of(log_mels: Iterable[Tensor], matched: bool) -> Scaling:
        """That of recordings (bands, frames) each."""
        count = 0
        total: Any = 0.0
        squares: Any = 0.0
        for one in log_mels:
            values = one.double()
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + values.square().sum(1)
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=LEAST_DEVIATION)
        return Scaling(mean.float()[:, None], deviation.float()[:, None], matched)
