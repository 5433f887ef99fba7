"""AASIST: audio anti-spoofing on the raw waveform with integrated spectro-temporal graph attention networks.

Source: Jung, Heo, Tak, Shim, Chung, Lee, Yu and Evans, "AASIST", ICASSP 2022 (arXiv 2110.01200), and its
official program, clovaai/aasist at a04c9863, whose checkpoints load here with strict=True.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000  # Hz
SINC_TAPS = 129
TIME_POOL = 3  # the front end and each encoder block divide time by this
TILE = 510  # frames, a multiple of TIME_POOL; a tile of some utterances stays in the cache
STRETCH = 8  # pooled frames that one row of the front end's product gives


def sinc_bank(filters: int) -> Tensor:
    """Hamming-windowed ideal band-passes on adjoining mel bands from 0 to 8,000 Hz: (filters, SINC_TAPS), float32.

    h_k[n] = hamming[n] (LP(f_{k+1})[n] - LP(f_k)[n]), LP(f)[n] = (2 f / sr) sinc(2 f n / sr), n = -64..64,
    mel = 2595 log10(1 + f / 700). Computed in float64. The bank is fixed, not learnt.
    """
    mel = np.linspace(0.0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), filters + 1)
    edges = 700 * (10 ** (mel / 2595) - 1) * 2 / SAMPLE_RATE  # cycles per half sample
    n = np.arange(SINC_TAPS) - SINC_TAPS // 2
    low_pass = edges[:, None] * np.sinc(edges[:, None] * n)  # (filters + 1, SINC_TAPS)
    return torch.from_numpy(np.hamming(SINC_TAPS) * np.diff(low_pass, axis=0)).float()


def pooled_bands(wave: Tensor, bank: Tensor, stride: int) -> Tensor:
    """max_pool2d(|conv1d(wave, bank)|, 3) over bands and time: (B, T), (K, SINC_TAPS) -> (B, K // 3, frames // 3).

    On a CPU as a product of overlapping stretches of the wave with the bank at each place of one; it reads less memory.
    """
    if wave.device.type != "cpu":
        return whole_bands(wave, bank, stride)
    samples = wave.shape[1]
    bands, frames = len(bank) // TIME_POOL, ((samples - SINC_TAPS) // stride + 1) // TIME_POOL
    hop = STRETCH * TIME_POOL * stride
    length = hop - stride + SINC_TAPS
    count = -(-frames // STRETCH)
    missing = (count - 1) * hop + length - samples
    stretches = F.pad(wave, (0, max(missing, 0))).unfold(1, length, hop)[:, :count]
    response = stretches @ places(bank[: bands * TIME_POOL], stride)  # (B, count, 9 * STRETCH * bands)
    pooled = response.unflatten(2, (TIME_POOL**2, -1)).abs().amax(2)  # (B, count, STRETCH * bands)
    return pooled.unflatten(2, (STRETCH, bands)).flatten(1, 2)[:, :frames].transpose(1, 2)


def whole_bands(wave: Tensor, bank: Tensor, stride: int) -> Tensor:
    """What `pooled_bands` gives, by its definition."""
    bands = F.conv1d(wave.unsqueeze(1), bank.unsqueeze(1), stride=stride)  # (B, K, frames)
    return F.max_pool2d(bands.abs().unsqueeze(1), TIME_POOL).squeeze(1)


def places(bank: Tensor, stride: int) -> Tensor:
    """The bank at each place of a stretch: (samples, 9 * STRETCH * bands), the nine that are pooled outermost."""
    steps = STRETCH * TIME_POOL
    length = (steps - 1) * stride + SINC_TAPS
    shifted = torch.stack([F.pad(bank, (p * stride, length - SINC_TAPS - p * stride)) for p in range(steps)])
    split = shifted.view(STRETCH, TIME_POOL, -1, TIME_POOL, length)  # (stretch, time, band, filter, samples)
    return split.permute(4, 1, 3, 0, 2).reshape(length, -1)


class FirstBlock(nn.Module):
    """The first residual block: one input channel at the full time resolution, so most of the network's work.

    On a CPU, time is cut into tiles. Both convolutions that read the input are products with its 2 x 3 patches, so the
    mean and variance of conv1's output follow from the patches' moments, and bn2 folds into conv1 in training too.
    """

    def __init__(self, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2d(1, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(1, outputs, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, T) -> (B, outputs, F, T // 3)."""
        return self.tiled(x) if x.device.type == "cpu" else self.whole(x)

    def whole(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(1)
        hidden = F.selu(self.bn2(self.conv1(x)), inplace=True)  # (B, outputs, F + 1, T)
        return F.max_pool2d(self.conv2(hidden) + self.conv_downsample(x), (1, TIME_POOL))

    def tiled(self, x: Tensor) -> Tensor:
        frames = x.shape[2]
        tiles = overlapping_tiles(x)
        first = affine(*folded(self.conv1, self.bn2, *self.statistics(tiles)))  # (7, outputs)
        shortcut = affine(self.conv_downsample.weight, self.conv_downsample.bias)  # (4, outputs)
        *pooled, last = (self.tile(tile, inside, first, shortcut) for tile, inside in tiles)
        left = (frames - len(pooled) * TILE) // TIME_POOL
        return torch.cat((*pooled, last[..., :left]), dim=3)

    def tile(self, tile: Tensor, inside: Tensor, first: Tensor, shortcut: Tensor) -> Tensor:
        hidden = F.selu(patches(tile, 2, inside) @ first, inplace=True).permute(0, 3, 1, 2)  # (B, C, F + 1, TILE + 2)
        skipped = patches(tile[:, 1:-1, 1:-1], 1, inside[1:-1]) @ shortcut  # (B, F, TILE, C)
        mixed = F.conv2d(hidden, self.conv2.weight, self.conv2.bias) + skipped.permute(0, 3, 1, 2)
        return F.max_pool2d(mixed, (1, TIME_POOL))

    def statistics(self, tiles: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of conv1's output; in float64, for differences of neighbours cancel."""
        if not self.training:
            return self.bn2.running_mean, self.bn2.running_var
        moments = sum(patch_moments(tile, inside) for tile, inside in tiles)  # (7, 7)
        count = moments[6, 6].detach()
        center = moments[6, :6] / count
        covariance = moments[:6, :6] / count - torch.outer(center, center)
        weight = self.conv1.weight.flatten(1).double()  # (C, 6)
        mean = (weight @ center + self.conv1.bias).to(self.conv1.bias)
        variance = ((weight @ covariance) * weight).sum(1).to(mean)
        follow_statistics(self.bn2, mean, variance, count)
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


def follow_statistics(bn: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: Tensor | int) -> None:
    """Update the running statistics as bn(x) in training does, by the batch's mean and variance of `count` values."""
    with torch.no_grad():
        bn.num_batches_tracked.add_(1)
        step = bn.num_batches_tracked.reciprocal().to(mean.dtype) if bn.momentum is None else bn.momentum
        bn.running_mean.lerp_(mean, step)
        bn.running_var.lerp_((variance * (count / (count - 1))).to(mean.dtype), step)


def folded(conv: nn.Conv2d, bn: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that is `conv`, then `bn` with these statistics."""
    scale = bn.weight * torch.rsqrt(variance + bn.eps)
    return conv.weight * scale[:, None, None, None], (conv.bias - mean) * scale + bn.bias


class ResidualBlock(nn.Module):
    """Two convolutions over (frequency, time) with a shortcut, then time pooled by three.

    The official bn1 quirk is kept, for its weights: bn1 normalises the block's input and the result is then discarded
    (clovaai/aasist issue 6). So bn1 only follows the running statistics here.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1)) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, outputs, F, T // 3)."""
        shortcut = x if self.conv_downsample is None else self.conv_downsample(x)
        mixed = self.conv2(F.selu(self.normalised(x), inplace=True)) + shortcut  # (B, outputs, F, T)
        return F.max_pool2d(mixed, (1, TIME_POOL))

    def normalised(self, x: Tensor) -> Tensor:
        """bn2(conv1(x)): (B, outputs, F + 1, T)."""
        if not self.training:
            weight, bias = folded(self.conv1, self.bn2, self.bn2.running_mean, self.bn2.running_var)
            return F.conv2d(x, weight, bias, padding=self.conv1.padding)
        count = x.shape[0] * x.shape[2] * x.shape[3]
        follow_statistics(self.bn1, *channel_statistics(x.detach()), count)
        hidden = self.conv1(x)
        if x.device.type != "cpu":
            return self.bn2(hidden)
        hidden, mean, variance = BatchNormalisation.apply(hidden, self.bn2.weight, self.bn2.bias, self.bn2.eps)
        follow_statistics(self.bn2, mean, variance, hidden.numel() // len(mean))
        return hidden


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


def channel_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over all but the channels of (B, C, F, T), accurate to float32."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    by_time = x.permute(0, 2, 3, 1).flatten(0, 1)  # (B * F, T, C)
    mean = by_time.sum(0).double().mean(0) / len(by_time)
    square = by_time.square().sum(0).double().mean(0) / len(by_time)
    return mean.to(x.dtype), (square - mean.square()).clamp(min=0).to(x.dtype)


class GraphAttention(nn.Module):
    """Attention of every node to every node by their element-wise product.

    e_ij = w . tanh(P(x_i * x_j)) / temperature;  y_i = SELU(BN(U(sum_j softmax_j(e_ij) x_j) + V(x_i)))
    """

    def __init__(self, inputs: int, outputs: int, temperature: float):
        super().__init__()
        self.temperature = temperature
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_weight = attention_weight(outputs)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.input_drop = nn.Dropout(0.2)

    def forward(self, nodes: Tensor) -> Tensor:
        """(B, N, inputs) -> (B, N, outputs)."""
        nodes = self.input_drop(nodes)
        edges = torch.tanh(self.att_proj(nodes.unsqueeze(2) * nodes.unsqueeze(1)))  # (B, N, N, outputs)
        attention = ((edges @ self.att_weight).squeeze(-1) / self.temperature).softmax(-1)  # (B, N, N)
        return update_nodes(self, nodes, attention)


class HeterogeneousGraphAttention(nn.Module):
    """Attention over temporal and spectral nodes together, plus a stack (master) node that gathers both.

    Edges are scored as in `GraphAttention`, with one weight vector for each pair of node types. The master node attends
    to all nodes and is only read: e_m,j = w_m . tanh(P_m(m * x_j)) / temperature.
    """

    def __init__(self, inputs: int, outputs: int, temperature: float):
        super().__init__()
        self.temperature = temperature
        self.proj_type1 = nn.Linear(inputs, inputs)
        self.proj_type2 = nn.Linear(inputs, inputs)
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_projM = nn.Linear(inputs, outputs)
        self.att_weight11 = attention_weight(outputs)
        self.att_weight22 = attention_weight(outputs)
        self.att_weight12 = attention_weight(outputs)
        self.att_weightM = attention_weight(outputs)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.proj_with_attM = nn.Linear(inputs, outputs)
        self.proj_without_attM = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.input_drop = nn.Dropout(0.2)

    def forward(self, temporal: Tensor, spectral: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, N_t, inputs), (B, N_s, inputs), (B or 1, 1, inputs) -> the same with `outputs` channels and B rows."""
        n_temporal = temporal.shape[1]
        nodes = torch.cat((self.proj_type1(temporal), self.proj_type2(spectral)), dim=1)  # (B, N, inputs)
        nodes = self.input_drop(nodes)
        mixed = update_nodes(self, nodes, self.node_attention(nodes, n_temporal))
        return mixed[:, :n_temporal], mixed[:, n_temporal:], self.update_master(nodes, master)

    def node_attention(self, nodes: Tensor, n_temporal: int) -> Tensor:
        edges = torch.tanh(self.att_proj(nodes.unsqueeze(2) * nodes.unsqueeze(1)))  # (B, N, N, outputs)
        spectral = (torch.arange(nodes.shape[1], device=nodes.device) >= n_temporal).long()
        weights = torch.cat((self.att_weight11, self.att_weight12, self.att_weight22), dim=1).T
        scores = (edges * weights[spectral[:, None] + spectral]).sum(-1)
        return (scores / self.temperature).softmax(-1)  # (B, N, N)

    def update_master(self, nodes: Tensor, master: Tensor) -> Tensor:
        scores = torch.tanh(self.att_projM(nodes * master)) @ self.att_weightM  # (B, N, 1)
        attention = (scores / self.temperature).softmax(1).transpose(1, 2)  # (B, 1, N)
        return self.proj_with_attM(attention @ nodes) + self.proj_without_attM(master)  # (B, 1, outputs)


def attention_weight(channels: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(channels, 1)))


def update_nodes(layer: GraphAttention | HeterogeneousGraphAttention, nodes: Tensor, attention: Tensor) -> Tensor:
    mixed = layer.proj_with_att(attention @ nodes) + layer.proj_without_att(nodes)  # (B, N, outputs)
    return F.selu(layer.bn(mixed.flatten(0, 1)).view_as(mixed))


class GraphPool(nn.Module):
    """Keep the `ratio` of nodes with the highest gate, in descending order of it, each scaled by its gate.

    The order matters: the two branches of `AASIST` are later compared node by node.
    """

    def __init__(self, channels: int, ratio: float):
        super().__init__()
        self.ratio = ratio
        self.proj = nn.Linear(channels, 1)
        self.drop = nn.Dropout(0.3)

    def forward(self, nodes: Tensor) -> Tensor:
        """(B, N, C) -> (B, max(int(N * ratio), 1), C)."""
        gates = torch.sigmoid(self.proj(self.drop(nodes)))  # (B, N, 1)
        gates, kept = gates.topk(max(int(nodes.shape[1] * self.ratio), 1), dim=1)
        return nodes.gather(1, kept.expand(-1, -1, nodes.shape[2])) * gates


@dataclass(frozen=True)
class AASISTConfig:
    """Sizes of a network; the defaults are the published AASIST."""

    encoder_channels: tuple[int, ...] = (32, 32, 64, 64, 64, 64)  # outputs of each residual block
    graph_channels: tuple[int, int] = (64, 32)  # plain, heterogeneous
    pool_ratios: tuple[float, float, float] = (0.5, 0.7, 0.5)  # spectral, temporal, heterogeneous
    temperatures: tuple[float, float, float] = (2.0, 2.0, 100.0)  # spectral, temporal, heterogeneous
    sinc_filters: int = 70
    sinc_stride: int = 1  # samples; 1 in the paper
    log_floor: float | None = None  # band magnitudes become log(magnitude + floor); None in the paper
    dropout: float = 1.0  # factor on the paper's dropout probabilities

    @property
    def minimum_samples(self) -> int:
        """Fewest samples that leave one frame after the last pooling."""
        frames = TIME_POOL ** (1 + len(self.encoder_channels))
        return SINC_TAPS + (frames - 1) * self.sinc_stride


CONFIGS = {
    "aasist": AASISTConfig(),
    "aasist_l": AASISTConfig((32, 32, 24, 24, 24, 24), (24, 32), (0.4, 0.5, 0.7)),
    # Ours, for two CPU cores and some hundred utterances: an eighth of the frames, narrow blocks, two blocks fewer.
    "aasist_s": AASISTConfig((16, 24, 24, 24), (24, 32), (0.4, 0.5, 0.7), sinc_stride=8, log_floor=1e-4, dropout=0.3),
}


class AASIST(nn.Module):
    """Countermeasure: a higher logits[:, 1] means more bona fide, the official score of an utterance.

    Departures from the official program: the embedding is returned before its dropout, nothing is done in place on
    what is returned, and there is no frequency masking (its Freq_aug, off by default).
    """

    def __init__(self, config: AASISTConfig):
        super().__init__()
        self.config = config
        channels, (graph, joint) = config.encoder_channels, config.graph_channels
        spectral_ratio, temporal_ratio, joint_ratio = config.pool_ratios
        spectral_temperature, temporal_temperature, joint_temperature = config.temperatures
        self.register_buffer("sinc", sinc_bank(config.sinc_filters), persistent=False)
        self.first_bn = nn.BatchNorm2d(1)
        # The inner Sequential gives the official names: encoder.0.0.conv1.weight.
        blocks = (FirstBlock(channels[0]), *(ResidualBlock(a, b) for a, b in pairwise(channels)))
        self.encoder = nn.Sequential(*map(nn.Sequential, blocks))
        self.pos_S = nn.Parameter(torch.randn(1, config.sinc_filters // TIME_POOL, channels[-1]))
        self.master1 = nn.Parameter(torch.randn(1, 1, graph))
        self.master2 = nn.Parameter(torch.randn(1, 1, graph))
        self.GAT_layer_S = GraphAttention(channels[-1], graph, spectral_temperature)
        self.GAT_layer_T = GraphAttention(channels[-1], graph, temporal_temperature)
        self.HtrgGAT_layer_ST11 = HeterogeneousGraphAttention(graph, joint, joint_temperature)
        self.HtrgGAT_layer_ST12 = HeterogeneousGraphAttention(joint, joint, joint_temperature)
        self.HtrgGAT_layer_ST21 = HeterogeneousGraphAttention(graph, joint, joint_temperature)
        self.HtrgGAT_layer_ST22 = HeterogeneousGraphAttention(joint, joint, joint_temperature)
        self.pool_S = GraphPool(graph, spectral_ratio)
        self.pool_T = GraphPool(graph, temporal_ratio)
        self.pool_hS1 = GraphPool(joint, joint_ratio)
        self.pool_hT1 = GraphPool(joint, joint_ratio)
        self.pool_hS2 = GraphPool(joint, joint_ratio)
        self.pool_hT2 = GraphPool(joint, joint_ratio)
        self.drop_way = nn.Dropout(0.2)
        self.drop = nn.Dropout(0.5)
        self.out_layer = nn.Linear(5 * joint, 2)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p *= config.dropout

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) at 16 kHz -> embedding (B, 5 * graph_channels[1]), logits (B, 2): column 0 spoof, 1 bona fide.

        Raises ValueError if `wave` is not a (B, T) float tensor of at least `config.minimum_samples` samples.
        """
        check_wave(wave, self.config.minimum_samples)
        embedding = self.graphs(self.encoder(self.front_end(wave)))
        return embedding, self.out_layer(self.drop(embedding))

    def front_end(self, wave: Tensor) -> Tensor:
        with torch.autocast(wave.device.type, enabled=False):
            pooled = pooled_bands(wave, self.sinc, self.config.sinc_stride)  # (B, F, T / 3), F = K // 3
            if self.config.log_floor is not None:
                pooled = torch.log(pooled + self.config.log_floor)
            return F.selu(self.first_bn(pooled.unsqueeze(1))).squeeze(1)

    def graphs(self, encoded: Tensor) -> Tensor:
        magnitude = encoded.abs()  # (B, C, F, T)
        spectral = self.pool_S(self.GAT_layer_S(magnitude.amax(3).transpose(1, 2) + self.pos_S))
        temporal = self.pool_T(self.GAT_layer_T(magnitude.amax(2).transpose(1, 2)))
        branches = (
            (self.HtrgGAT_layer_ST11, self.pool_hT1, self.pool_hS1, self.HtrgGAT_layer_ST12, self.master1),
            (self.HtrgGAT_layer_ST21, self.pool_hT2, self.pool_hS2, self.HtrgGAT_layer_ST22, self.master2),
        )
        first, second = (self.branch(temporal, spectral, *branch) for branch in branches)
        temporal, spectral, master = (torch.maximum(a, b) for a, b in zip(first, second, strict=True))
        readout = (
            temporal.abs().amax(1),
            temporal.mean(1),
            spectral.abs().amax(1),
            spectral.mean(1),
            master.squeeze(1),
        )
        return torch.cat(readout, dim=1)  # (B, 5 * joint)

    def branch(
        self,
        temporal: Tensor,
        spectral: Tensor,
        first: HeterogeneousGraphAttention,
        pool_temporal: GraphPool,
        pool_spectral: GraphPool,
        second: HeterogeneousGraphAttention,
        master: Tensor,
    ) -> tuple[Tensor, ...]:
        temporal, spectral, master = first(temporal, spectral, master)
        nodes = (pool_temporal(temporal), pool_spectral(spectral), master)
        return tuple(self.drop_way(a + b) for a, b in zip(nodes, second(*nodes), strict=True))


def check_wave(wave: Tensor, minimum_samples: int) -> None:
    if wave.ndim != 2 or not wave.is_floating_point():
        raise ValueError(f"expected a float wave of shape (B, T), got {wave.dtype} of shape {tuple(wave.shape)}")
    if wave.shape[1] < minimum_samples:
        raise ValueError(f"expected at least {minimum_samples} samples, got a wave of shape {tuple(wave.shape)}")


def build(config: str) -> AASIST:
    """The network of that name in CONFIGS. Raises ValueError for another name."""
    if config not in CONFIGS:
        raise ValueError(f"no AASIST configuration {config!r}; the valid ones are {', '.join(sorted(CONFIGS))}")
    return AASIST(CONFIGS[config])
