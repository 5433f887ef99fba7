"""Tier-1 speech emotion recogniser: depthwise-separable convolutions, a BiLSTM, attentive pooling, of MFCC or log-mel.

    features (B, F, T)
      input norm     batch norm of each row (ours)
      channel gate   which rows matter, from their mean and maximum over time
      stem           2-D convolutions over rows and time, where the config has them (ours)
      2 x residual   depthwise + pointwise convolution beside a 1x1 path, then mean pooling by the stride (ours)
      BiLSTM
      pooling        softmax over time of a small network; mean, and standard deviation where the config says so (ours)
      head           layer norm, a hidden layer, logits

Source: the Tier-1 network of github.com/kananmittal/Unitree-bot, branch feature/ser-improvements, ser/tier1_model.py
(CONFIGS["tier1"] has its sizes). Departures: padding is masked everywhere, where the source pools and gates over it;
the source's learned temperature is not part of the network: a task fits its own after training;
input norm, stem, strides and standard deviations are ours, off in the source's size but for the input norm. The stem
learns what is alike at every frequency, which convolutions that see each mel band alone cannot: the sizes that have it
do better with fewer parameters (docs/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LOWEST = -1e4  # stands for minus infinity before a softmax or a maximum, and is finite in half precision


class ChannelGate(nn.Module):
    """Squeeze and excitation over feature rows, several small gates side by side (Hu et al., CVPR 2018)."""

    def __init__(self, rows: int, heads: int):
        super().__init__()
        hidden = max(4, rows // (8 * heads))
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(rows, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, rows, bias=False), nn.Sigmoid()
            )
            for _ in range(heads)
        )
        self.mix = nn.Linear(heads * rows, rows, bias=False)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(B, F, T), (B, T) -> (B, F, T)."""
        mean = (features * mask[:, None]).sum(2) / mask.sum(1, keepdim=True)  # (B, F)
        peak = features.masked_fill(~mask[:, None], LOWEST).amax(2)  # (B, F)
        gates = [(head(mean) + head(peak)) / 2 for head in self.heads]
        return features * torch.sigmoid(self.mix(torch.cat(gates, 1)))[:, :, None]


class Stem(nn.Module):
    """2-D convolutions, 3 x 3, each halving the rows and keeping every `strides`th frame."""

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]):
        super().__init__()
        sizes, self.strides = [1, *channels], strides
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(sizes[i], sizes[i + 1], 3, stride=(2, strides[i]), padding=1, bias=False),
                nn.BatchNorm2d(sizes[i + 1]),
                nn.GELU(),
            )
            for i in range(len(channels))
        )

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, F, T), (B,) -> (B, C F', T') and the frames of each, ceil(frames / strides); padded frames are zero."""
        maps = features[:, None]  # (B, 1, F, T)
        for layer, stride in zip(self.layers, self.strides, strict=True):
            maps, frames = layer(maps), (frames + stride - 1) // stride
            maps = maps * _mask(frames, maps.shape[3])[:, None, None]  # (B, C, F', T')
        return maps.flatten(1, 2), frames


class Residual(nn.Module):
    """Depthwise-separable convolution over time beside a 1x1 path; then a mean over `stride` frames."""

    def __init__(self, rows: int, channels: int, kernel: int, stride: int, dropout: float):
        super().__init__()
        self.separable = nn.Sequential(
            nn.Conv1d(rows, rows, kernel, padding=kernel // 2, groups=rows, bias=False),
            nn.Conv1d(rows, channels, 1, bias=False),
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.shortcut = nn.Conv1d(rows, channels, 1, bias=False)
        self.out = nn.Sequential(nn.BatchNorm1d(channels), nn.GELU())
        self.stride = stride

    def forward(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, F, T), (B, T) -> (B, C, ceil(T / stride)) and its mask; padded frames are zero."""
        features = self.out(self.separable(features) + self.shortcut(features)) * mask[:, None]  # (B, C, T)
        if self.stride == 1:
            return features, mask
        means = _means(features, self.stride)  # (B, C, T')
        shares = _means(mask[:, None].to(features.dtype), self.stride)  # (B, 1, T')
        return means / shares.clamp(min=1 / self.stride), shares[:, 0] > 0


class BiLSTM(nn.Module):
    """LSTM layers in both directions, each recording reversed within its own length: padding is never seen.

    The same function as torch's bidirectional LSTM on packed sequences, and 2 to 4 times faster on a CPU.
    """

    def __init__(self, size: int, hidden: int, layers: int, dropout: float):
        super().__init__()
        sizes = [size, *[2 * hidden] * (layers - 1)]
        self.ahead = nn.ModuleList(nn.LSTM(n, hidden, batch_first=True) for n in sizes)
        self.back = nn.ModuleList(nn.LSTM(n, hidden, batch_first=True) for n in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, T, 2 hidden)."""
        mirror = _mirror(mask)
        for i, (ahead, back) in enumerate(zip(self.ahead, self.back, strict=True)):
            sequence = self.dropout(sequence) if i else sequence
            reverse = back(_reorder(sequence, mirror))[0]
            sequence = torch.cat([ahead(sequence)[0], _reorder(reverse, mirror)], 2)  # (B, T, 2 hidden)
        return sequence


class AttentivePooling(nn.Module):
    """A weighted mean over time, and a weighted standard deviation where asked for.

    Okabe et al., "Attentive statistics pooling for deep speaker embedding", Interspeech 2018.
    """

    def __init__(self, size: int, hidden: int, deviations: bool):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.deviations = deviations

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, D) or (B, 2 D)."""
        scores = self.score(sequence)[:, :, 0].masked_fill(~mask, LOWEST)  # (B, T)
        weights = scores.softmax(1)[:, :, None]
        mean = (weights * sequence).sum(1)  # (B, D)
        if not self.deviations:
            return mean
        variance = (weights * (sequence - mean[:, None]).square()).sum(1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], 1)  # (B, 2 D)


@dataclass(frozen=True)
class Tier1Config:
    """rows         feature rows that it takes
    channels     of the convolution blocks
    strides      frames that each block pools
    stem         channels of 2-D convolutions before them, none for no stem; stem_strides: of frames
    hidden       units of the LSTM, in each direction
    deviations   pool standard deviations too
    """

    rows: int
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    hidden: int
    layers: int
    deviations: bool
    stem: tuple[int, ...] = ()
    stem_strides: tuple[int, ...] = ()
    kernel: int = 5
    heads: int = 4
    dropout: float = 0.3
    conv_dropout: float = 0.1

    def __post_init__(self) -> None:
        if not self.channels or len(self.channels) != len(self.strides):
            sizes = f"channels {self.channels}, strides {self.strides}"
            raise ValueError(f"{sizes}: expected a stride for each block, and at least one block")
        if len(self.stem) != len(self.stem_strides):
            sizes = f"stem {self.stem}, stem_strides {self.stem_strides}"
            raise ValueError(f"{sizes}: expected a stride for each convolution")
        counts = (self.rows, *self.channels, *self.strides, *self.stem, *self.stem_strides)
        if min(*counts, self.hidden, self.layers, self.heads) < 1 or self.kernel % 2 == 0:
            raise ValueError(f"{self}: expected every size to be 1 or more, and an odd kernel")
        if not (0 <= self.dropout < 1 and 0 <= self.conv_dropout < 1):
            rates = f"dropout {self.dropout}, conv_dropout {self.conv_dropout}"
            raise ValueError(f"{rates}: expected probabilities from 0 to below 1")


CONFIGS = {
    "tier1": Tier1Config(
        rows=40,
        channels=(128, 256),
        strides=(1, 1),
        hidden=128,
        layers=2,
        deviations=False,
        dropout=0.2,
        conv_dropout=0.2,
    ),
    "tier1_fast": Tier1Config(rows=64, channels=(128, 256), strides=(2, 2), hidden=128, layers=2, deviations=False),
    "tier1_s": Tier1Config(rows=64, channels=(64, 128), strides=(2, 2), hidden=64, layers=1, deviations=True),
    "tier1_2d": Tier1Config(
        rows=64,
        stem=(16, 32, 48),
        stem_strides=(2, 2, 1),
        channels=(128,),
        strides=(1,),
        hidden=64,
        layers=1,
        deviations=True,
    ),
}


class Tier1(nn.Module):
    """features (B, rows, T), frames (B,) -> logits (B, outputs)."""

    TAKES = "features"

    def __init__(self, config: Tier1Config, outputs: int):
        super().__init__()
        self.config = config
        rows = config.stem[-1] * -(-config.rows // 2 ** len(config.stem)) if config.stem else config.rows
        sizes = [rows, *config.channels]
        self.input_norm = nn.BatchNorm1d(config.rows, affine=False)
        self.gate = ChannelGate(config.rows, config.heads)
        self.stem = Stem(config.stem, config.stem_strides)
        self.blocks = nn.ModuleList(
            Residual(sizes[i], sizes[i + 1], config.kernel, config.strides[i], config.conv_dropout)
            for i in range(len(config.channels))
        )
        self.lstm = BiLSTM(config.channels[-1], config.hidden, config.layers, config.dropout)
        self.pool = AttentivePooling(2 * config.hidden, 64, config.deviations)
        pooled = 2 * config.hidden * (2 if config.deviations else 1)
        self.head = nn.Sequential(
            nn.LayerNorm(pooled),
            nn.Dropout(config.dropout),
            nn.Linear(pooled, 128),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(128, outputs),
        )

    def forward(self, features: Tensor, frames: Tensor) -> Tensor:
        """(B, rows, T), (B,) int64 -> (B, outputs); padding has no effect in eval mode.

        Raises ValueError for another number of rows.
        """
        if features.shape[1] != self.config.rows:
            raise ValueError(
                f"features have {features.shape[1]} rows, this size of the network takes {self.config.rows}"
            )
        mask = _mask(frames, features.shape[2])
        hidden = self.gate(self.input_norm(features) * mask[:, None], mask)
        hidden, frames = self.stem(hidden, frames)  # (B, C F', T')
        mask = _mask(frames, hidden.shape[2])
        for block in self.blocks:
            hidden, mask = block(hidden, mask)  # (B, C, T')
        sequence = self.lstm(hidden.transpose(1, 2), mask)  # (B, T', 2 hidden)
        return self.head(self.pool(sequence, mask))


def build(config: Tier1Config, outputs: int) -> Tier1:
    """See `models`."""
    return Tier1(config, outputs)


def _mask(frames: Tensor, width: int) -> Tensor:
    """(B,) -> (B, width): which frames are a recording's own."""
    return torch.arange(width, device=frames.device) < frames[:, None]


def _means(frames: Tensor, stride: int) -> Tensor:
    """(B, C, T) -> (B, C, ceil(T / stride)), the last of what is left."""
    return nn.functional.avg_pool1d(frames, stride, ceil_mode=True)


def _mirror(mask: Tensor) -> Tensor:
    """(B, T) -> (B, T, 1): the place that each frame has in its recording reversed; padding keeps its place."""
    time = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - time, time)[:, :, None]


def _reorder(sequence: Tensor, places: Tensor) -> Tensor:
    return sequence.gather(1, places.expand_as(sequence))
