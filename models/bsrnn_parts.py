"""The parts of a band-split RNN (models/bsrnn.py): norms, band split and band decoder, recurrences over time and bands.

Features are (T, B, K, N): frames, recordings, bands, features of a band. valid (T, B) says which frames hold something
of their recording; None: all do. Neighbouring bands of one width go through one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.stft import magnitudes

if TYPE_CHECKING:
    from models.bsrnn import BSRNNConfig

EPS = 1e-8  # of variances


class Norm(nn.Module):
    """To mean 0 and variance 1 over `axes` of (T, B, K, C)."""

    def __init__(self, axes: tuple[int, ...]):
        super().__init__()
        self.axes = axes

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, C), valid (T, B) -> the same; frames that are not valid are zero."""
        features = features.float()
        if valid is None:
            centred = features - features.mean(self.axes, keepdim=True)
            return centred * (centred.square().mean(self.axes, keepdim=True) + EPS).rsqrt()
        weights = valid[:, :, None, None].float().expand_as(features)
        count = weights.sum(self.axes, keepdim=True).clamp(min=1)
        centred = (features - (features * weights).sum(self.axes, keepdim=True) / count) * weights
        variance = centred.square().sum(self.axes, keepdim=True) / count
        return centred * (variance + EPS).rsqrt()


class BatchNorm(nn.Module):
    """Batch norm of each of the last `axes` axes' features, over valid frames."""

    def __init__(self, features: int, axes: int):
        super().__init__()
        self.axes, self.norm = axes, nn.BatchNorm1d(features, affine=False)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, C), valid (T, B) -> the same."""
        if valid is None or not self.training:
            return self.norm(features.flatten(-self.axes).flatten(0, -2)).view(features.shape)
        heard = features[valid]  # (frames, K, C)
        normed = self.norm(heard.flatten(-self.axes).flatten(0, -2)).view_as(heard)
        return torch.zeros_like(features).index_put((valid,), normed)


def band_norm(kind: str, bands: int, features: int) -> nn.Module:
    """Of each band for itself."""
    if kind == "batch":
        return BatchNorm(bands * features, axes=2)
    return Norm((0, 3) if kind == "group" else (3,))


def shared_norm(kind: str, channels: int) -> nn.Module:
    """Of all bands alike."""
    if kind == "batch":
        return BatchNorm(channels, axes=1)
    return Norm((0, 2, 3) if kind == "group" else (3,))


@dataclass(frozen=True)
class Run:
    """Neighbouring bands of one width: their places among the bands, and those of their bins among the bins."""

    width: int
    bands: slice
    bins: slice

    @property
    def count(self) -> int:
        """Of its bands."""
        return self.bands.stop - self.bands.start


def runs(widths: Sequence[int]) -> list[Run]:
    """All bands, from 0 Hz up: those of a run go through one product."""
    made, band, start = [], 0, 0
    for width, alike in groupby(widths):
        count = len(list(alike))
        made.append(Run(width, slice(band, band + count), slice(start, start + count * width)))
        band, start = band + count, start + count * width
    return made


def uniform(*shape: int, fan_in: Tensor) -> nn.Parameter:
    """Uniform up to 1 / sqrt(fan in), as linear maps of torch begin; fan_in: of each row."""
    bound = fan_in.float().rsqrt().view(-1, *[1] * (len(shape) - 1))
    return nn.Parameter((2 * torch.rand(shape) - 1) * bound)


class BandSplit(nn.Module):
    """Features of each band from its bins, all bands of one width in one product."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        widths = torch.tensor(config.bands)
        self.runs = runs(config.bands)
        self.sizes = (2, 1) if config.magnitudes else (2,)  # numbers of a bin that are normed together
        parts = sum(self.sizes)
        self.norms = nn.ModuleList(
            nn.ModuleList(band_norm(config.norm, run.count, size * run.width) for size in self.sizes)
            for run in self.runs
        )
        self.weight = uniform(config.bins, parts, config.channels, fan_in=parts * widths.repeat_interleave(widths))
        self.bias = uniform(len(widths), config.channels, fan_in=parts * widths)

    def forward(self, spectrum: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, F, 2), (T, B) -> (T, B, K, N)."""
        heard = [spectrum] if len(self.sizes) == 1 else [spectrum, magnitudes(spectrum)]  # (T, B, F, size) each
        of_runs = [self.run(run, norms, heard, valid) for run, norms in zip(self.runs, self.norms, strict=True)]  # type: ignore[arg-type]
        return torch.cat(of_runs).transpose(0, 1).contiguous().unflatten(0, spectrum.shape[:2])

    def run(self, run: Run, norms: nn.ModuleList, heard: Sequence[Tensor], valid: Tensor | None) -> Tensor:
        """Of a run of n bands: (n, T B, N)."""
        parts = []
        for norm, numbers in zip(norms, heard, strict=True):
            bins = numbers[:, :, run.bins].unflatten(2, (run.count, run.width))  # (T, B, n, w, size)
            parts.append(norm(bins.flatten(3), valid).view(bins.shape))
        bins = torch.cat(parts, dim=4).flatten(3).flatten(0, 1).transpose(0, 1)  # (n, T B, parts w)
        weight = self.weight[run.bins].view(run.count, bins.shape[2], -1)  # (n, parts w, N)
        return torch.baddbmm(self.bias[run.bands, None], bins, weight)


class BandDecoder(nn.Module):
    """`values` numbers of each bin from the features of its band, all bands of one width in one product; they begin at
    `first`."""

    def __init__(self, config: BSRNNConfig, values: int, first: Tensor):
        super().__init__()
        bands = len(config.bands)
        self.runs = runs(config.bands)
        self.norm = band_norm(config.norm, bands, config.channels)
        of_band = torch.full((bands,), config.channels)
        self.hidden = uniform(bands, config.channels, config.decoder, fan_in=of_band)
        self.hidden_bias = uniform(bands, config.decoder, fan_in=of_band)
        of_bin = torch.full((config.bins,), config.decoder)
        self.weight = uniform(config.bins, config.decoder, 2 * values, fan_in=16 * of_bin)  # a quarter of the usual
        gated = torch.cat([2 * first, torch.zeros(values)])  # half of it passes a gate that begins at 0
        self.bias = nn.Parameter(gated.repeat(config.bins, 1))

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (values, T, B, F)."""
        flat = self.norm(features, valid).flatten(0, 1).transpose(0, 1)  # (K, T B, N)
        hidden = torch.tanh(torch.baddbmm(self.hidden_bias[:, None], flat, self.hidden))  # (K, T B, H)
        bins = torch.cat([self.run(run, hidden[run.bands]) for run in self.runs], dim=2)  # (values, T B, F)
        return bins.unflatten(1, features.shape[:2])

    def run(self, run: Run, hidden: Tensor) -> Tensor:
        """Of a run of n bands (n, T B, H): (values, T B, n w)."""
        weight = self.weight[run.bins].unflatten(0, (run.count, run.width)).permute(0, 2, 3, 1)  # (n, H, 2 values, w)
        bias = self.bias[run.bins].unflatten(0, (run.count, run.width)).transpose(1, 2)  # (n, 2 values, w)
        made = torch.baddbmm(bias.flatten(1)[:, None], hidden, weight.flatten(2))  # (n, T B, 2 values w)
        gated = F.glu(made).unflatten(2, (-1, run.width))  # (n, T B, values, w)
        return gated.permute(2, 1, 0, 3).flatten(2)


class TimeRecurrence(nn.Module):
    """Norm, LSTM over time of each band alike, a linear map; backward in time too where it is not causal."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.norm = shared_norm(config.norm, config.channels)
        self.ahead = nn.LSTM(config.channels, config.hidden)
        self.back = None if config.causal else nn.LSTM(config.channels, config.hidden)
        self.out = nn.Linear(config.hidden * (1 if config.causal else 2), config.channels)

    def forward(
        self, features: Tensor, valid: Tensor | None, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(T, B, K, N), (T, B), state of the LSTM before -> (T, B, K, N) to add, and its state behind."""
        normed = self.norm(features, valid).flatten(1, 2)  # (T, B K, N)
        hidden, state = self.ahead(normed, state)
        if self.back is not None:
            places = mirror(features.shape, valid)
            turned = normed.flip(0) if places is None else normed.gather(0, places.expand_as(normed))
            back = self.back(turned)[0]
            back = back.flip(0) if places is None else back.gather(0, places.expand_as(back))
            hidden = torch.cat([hidden, back], dim=2)  # (T, B K, 2 hidden)
        return self.out(hidden).view_as(features), state


def mirror(shape: torch.Size, valid: Tensor | None) -> Tensor | None:
    """(T, B K, 1): the place of each frame in its recording reversed, of (T, B, K, N); None where all are as long."""
    if valid is None:
        return None
    time = torch.arange(len(valid), device=valid.device)[:, None]  # (T, 1)
    places = torch.where(valid, valid.sum(0) - 1 - time, time)  # (T, B)
    return places.repeat_interleave(shape[2], dim=1)[:, :, None]


class BandRecurrence(nn.Module):
    """Norm, bidirectional LSTM over the bands of a frame, a linear map."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.norm = shared_norm(config.norm, config.channels)
        self.lstm = nn.LSTM(config.channels, config.hidden, bidirectional=True)
        self.out = nn.Linear(2 * config.hidden, config.channels)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (T, B, K, N) to add."""
        bands = self.norm(features, valid).permute(2, 0, 1, 3).flatten(1, 2)  # (K, T B, N)
        hidden = self.out(self.lstm(bands)[0])  # (K, T B, N)
        return hidden.transpose(0, 1).reshape(features.shape)


class BandAttention(nn.Module):
    """Norm, self-attention among the bands of a frame (Vaswani et al., NeurIPS 2017), a linear map.

    It needs no code of places: each band's features begin with a bias of its own.
    """

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.heads = config.heads
        self.norm = shared_norm(config.norm, config.channels)
        self.parts = nn.Linear(config.channels, 3 * config.channels)
        self.out = nn.Linear(config.channels, config.channels)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (T, B, K, N) to add."""
        parts = self.parts(self.norm(features, valid)).flatten(0, 1)  # (T B, K, 3 N)
        heads = parts.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, T B, heads, K, N / heads)
        heard = F.scaled_dot_product_attention(*heads)  # (T B, heads, K, N / heads)
        return self.out(heard.transpose(1, 2).flatten(2)).view_as(features)
