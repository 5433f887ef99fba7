"""Convolution, batch normalisation and pooling of AASIST in forms that are fast on a CPU; not a network.

    pooled_bands    the sinc filters, |.| and pooling as one product per stretch of the wave
    residual        the first residual block in tiles of time, its convolutions as products with patches
    normalised      convolution and batch normalisation as one convolution, in evaluation
    follow          a batch normalisation of which only the running statistics are wanted

Each says, by torch's own modules, what it computes, and gives the same numbers but for rounding, gradients and running
statistics too (tests/models/test_cpu_convolution.py). The parameters stay in those modules: weights do not know of it.
Why it is faster: a CPU's kernels make little of a convolution of one input channel, and at full time resolution each
layer's output (66 MB an utterance of 64,600 samples) leaves the cache before the next one reads it.

On one core of an AMD EPYC, beside the forms that a GPU gets, inference is 1.6 (1.6-1.7) times and a training step 1.2
(1.2-1.3) times as fast: CPU seconds, batch 2, `benchmarks/aasist_speed.py --plain`. Beside the official program:
docs/RESULTS.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.shared_batch_norm import SharedBatchNorm, follow_statistics, shared_statistics, summed

TILE = 510  # frames, a multiple of what is pooled; a tile of some utterances stays in the cache
STRETCH = 8  # pooled frames that one row of the front end's product gives


def on_cpu(tensor: Tensor) -> bool:
    """Whether the forms of this module are the fast ones for `tensor`."""
    return tensor.device.type == "cpu"


def pooled_bands(wave: Tensor, bank: Tensor, stride: int, pool: int) -> Tensor:
    """max_pool2d(|conv1d(wave, bank)|, pool) over bands and time: (B, T), (K, taps) -> (B, K // pool, frames // pool).

    A product of overlapping stretches of the wave with the bank at each place of one; it reads less memory.
    """
    samples, taps = wave.shape[1], bank.shape[1]
    bands, frames = len(bank) // pool, ((samples - taps) // stride + 1) // pool
    hop = STRETCH * pool * stride
    length = hop - stride + taps
    count = -(-frames // STRETCH)
    missing = (count - 1) * hop + length - samples
    stretches = F.pad(wave, (0, max(missing, 0))).unfold(1, length, hop)[:, :count]
    response = stretches @ places(bank[: bands * pool], stride, pool)  # (B, count, pool^2 * STRETCH * bands)
    pooled = response.unflatten(2, (pool**2, -1)).abs().amax(2)  # (B, count, STRETCH * bands)
    return pooled.unflatten(2, (STRETCH, bands)).flatten(1, 2)[:, :frames].transpose(1, 2)


def places(bank: Tensor, stride: int, pool: int) -> Tensor:
    """The bank at each place of a stretch: (samples, pool^2 * STRETCH * bands), those that are pooled outermost."""
    steps, taps = STRETCH * pool, bank.shape[1]
    length = (steps - 1) * stride + taps
    shifted = torch.stack([F.pad(bank, (p * stride, length - taps - p * stride)) for p in range(steps)])
    split = shifted.view(STRETCH, pool, -1, pool, length)  # (stretch, time, band, filter, samples)
    return split.permute(4, 1, 3, 0, 2).reshape(length, -1)


def residual(x: Tensor, conv1: nn.Conv2d, bn: nn.BatchNorm2d, conv2: nn.Conv2d, skip: nn.Conv2d, pool: int) -> Tensor:
    """max_pool(conv2(selu(bn(conv1(x)))) + skip(x)) over `pool` frames: (B, F, T), one channel -> (B, C, F, T // pool).

    Kernels are (2, 3), (2, 3) and (1, 3), the frequencies padded by conv1 alone. Time is cut into tiles. conv1 and skip
    are products with the input's patches, so the mean and variance of conv1's output follow from the patches' moments,
    and bn folds into conv1 in training too.
    """
    frames = x.shape[2]
    tiles = overlapping_tiles(x)
    first = affine(*folded(conv1, bn, *convolved_statistics(tiles, conv1, bn)))  # (7, C)
    shortcut = affine(skip.weight, skip.bias)  # (4, C)
    *pooled, last = (residual_tile(tile, inside, first, conv2, shortcut, pool) for tile, inside in tiles)
    left = (frames - len(pooled) * TILE) // pool
    return torch.cat((*pooled, last[..., :left]), dim=3)


def residual_tile(tile: Tensor, inside: Tensor, first: Tensor, conv2: nn.Conv2d, shortcut: Tensor, pool: int) -> Tensor:
    """(B, F + 2, TILE + 4), (TILE + 2,) -> (B, C, F, TILE // pool)."""
    hidden = F.selu(patches(tile, 2, inside) @ first, inplace=True).permute(0, 3, 1, 2)  # (B, C, F + 1, TILE + 2)
    skipped = patches(tile[:, 1:-1, 1:-1], 1, inside[1:-1]) @ shortcut  # (B, F, TILE, C)
    mixed = F.conv2d(hidden, conv2.weight, conv2.bias) + skipped.permute(0, 3, 1, 2)  # (B, C, F, TILE)
    return F.max_pool2d(mixed, (1, pool))


def convolved_statistics(
    tiles: list[tuple[Tensor, Tensor]], conv: nn.Conv2d, bn: nn.BatchNorm2d
) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) that bn normalises conv's output with; its running statistics follow.

    In float64, for differences of neighbours cancel.
    """
    if not bn.training:
        return bn.running_mean, bn.running_var
    moments = sum(patch_moments(tile, inside) for tile, inside in tiles)  # (7, 7)
    if isinstance(bn, SharedBatchNorm):
        moments = summed(moments)
    count = moments[6, 6].detach()
    center = moments[6, :6] / count
    covariance = moments[:6, :6] / count - torch.outer(center, center)
    weight = conv.weight.flatten(1).double()  # (C, 6)
    mean = (weight @ center + conv.bias).to(conv.bias)
    variance = ((weight @ covariance) * weight).sum(1).to(mean)
    follow_statistics(bn, mean, variance, count)
    return mean, variance


def overlapping_tiles(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Cut time: (B, F, T) -> [(B, F + 2, TILE + 4), which of its frames 1..TILE + 2 are inside the T: (TILE + 2,)]."""
    frames = x.shape[2]
    count = -(-frames // TILE)
    tiles = F.pad(x, (2, 2 + count * TILE - frames, 1, 1)).unfold(2, TILE + 4, TILE).unbind(2)
    time = torch.arange(-1, count * TILE + 1, device=x.device)
    inside = ((time >= 0) & (time < frames)).to(x).unfold(0, TILE + 2, TILE).unbind()
    return list(zip(tiles, inside, strict=True))


def patches(tile: Tensor, rows: int, inside: Tensor) -> Tensor:
    """What a (rows, 3) kernel sees, and a one for its bias: (B, F, T) -> (B, F - rows + 1, T - 2, 3 * rows + 1).

    A place that is not `inside` sees zeros only.
    """
    height, width = tile.shape[1] - rows + 1, tile.shape[2] - 2
    taps = [tile[:, f : f + height, t : t + width] for f in range(rows) for t in range(3)]
    return torch.stack([*taps, torch.ones_like(taps[0])], dim=-1) * inside[:, None]


def patch_moments(tile: Tensor, inside: Tensor) -> Tensor:
    """Sum over the tile, without its overlap, of the outer products of (patch, 1) with itself: (7, 7), float64."""
    flat = patches(tile[:, :, 1:-1], 2, inside[1:-1]).double().flatten(0, 2)
    return flat.T @ flat


def affine(weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution of one input channel as the matrix that `patches` is multiplied with."""
    return torch.cat((weight.flatten(1).T, bias[None]))


def normalised(x: Tensor, conv: nn.Conv2d, bn: nn.BatchNorm2d) -> Tensor:
    """bn(conv(x)): (B, inputs, F, T) -> (B, C, F', T').

    In evaluation one convolution, on any device. In training on a CPU batch normalisation is our own: see
    `BatchNormalisation`.
    """
    if not bn.training:
        weight, bias = folded(conv, bn, bn.running_mean, bn.running_var)
        return F.conv2d(x, weight, bias, padding=conv.padding)
    hidden = conv(x)
    if not on_cpu(x) or isinstance(bn, SharedBatchNorm):
        return bn(hidden)
    hidden, mean, variance = BatchNormalisation.apply(hidden, bn.weight, bn.bias, bn.eps)
    follow_statistics(bn, mean, variance, hidden.numel() // len(mean))
    return hidden


def folded(conv: nn.Conv2d, bn: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that is `conv`, then `bn` with these statistics."""
    scale = bn.weight * torch.rsqrt(variance + bn.eps)
    return conv.weight * scale[:, None, None, None], (conv.bias - mean) * scale + bn.bias


class BatchNormalisation(torch.autograd.Function):
    """Batch normalisation in training on a CPU, for channels_last; -> (normalised, mean, biased variance).

    torch 2.11 adds up each channel in a single float32 there: over 4 million values its variance was 1.5 % off.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = channel_statistics(x)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps))
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps), mean, variance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, scale = ctx.saved_tensors
        gradients = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, None, None, mean, scale, True, ctx.eps, (True, True, True)
        )
        return *gradients, None


def follow(x: Tensor, bn: nn.BatchNorm2d) -> None:
    """What bn(x) does to the running statistics, without its output."""
    if not bn.training:
        return
    if isinstance(bn, SharedBatchNorm):
        follow_statistics(bn, *shared_statistics(x.detach()))
    else:
        follow_statistics(bn, *channel_statistics(x.detach()), x.numel() // x.shape[1])


def channel_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over all but the channels of (B, C, F, T), accurate to float32."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    by_time = x.permute(0, 2, 3, 1).flatten(0, 1)  # (B * F, T, C)
    mean = by_time.sum(0).double().mean(0) / len(by_time)
    square = by_time.square().sum(0).double().mean(0) / len(by_time)
    return mean.to(x.dtype), (square - mean.square()).clamp(min=0).to(x.dtype)
