"""AASIST: audio anti-spoofing on the raw waveform with integrated spectro-temporal graph attention networks.

    wave (B, T)
      sinc filters                  fixed band-passes, pooled over bands and time
      residual blocks               (B, C, F, T'): each divides time by three
      spectral and temporal graph   nodes are the maxima over time, and over frequency; attention, then pooling
      two branches                  each two heterogeneous attentions over both graphs and a stack node; their maximum
      readout                       maximum and mean of the nodes of both graphs, and the stack node

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

from models import cpu_convolution

SAMPLE_RATE = 16_000  # Hz
SINC_TAPS = 129
TIME_POOL = 3  # the front end and each encoder block divide time by this


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
    """The largest response of three adjoining filters over three frames: (B, T), (K, SINC_TAPS) -> (B, K // 3, frames).

    frames = ((T - SINC_TAPS) // stride + 1) // 3.
    """
    if cpu_convolution.on_cpu(wave):
        return cpu_convolution.pooled_bands(wave, bank, stride, TIME_POOL)
    responses = F.conv1d(wave.unsqueeze(1), bank.unsqueeze(1), stride=stride)  # (B, K, 3 * frames)
    return F.max_pool2d(responses.abs().unsqueeze(1), TIME_POOL).squeeze(1)  # (B, K // 3, frames)


class FirstBlock(nn.Module):
    """The first residual block: one input channel at the full time resolution, so most of the network's work."""

    def __init__(self, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2d(1, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(1, outputs, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, T) -> (B, outputs, F, T // 3)."""
        if cpu_convolution.on_cpu(x):
            return cpu_convolution.residual(x, self.conv1, self.bn2, self.conv2, self.conv_downsample, TIME_POOL)
        x = x.unsqueeze(1)  # (B, 1, F, T)
        hidden = F.selu(self.bn2(self.conv1(x)), inplace=True)  # (B, outputs, F + 1, T)
        mixed = self.conv2(hidden) + self.conv_downsample(x)  # (B, outputs, F, T)
        return F.max_pool2d(mixed, (1, TIME_POOL))  # (B, outputs, F, T // 3)


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
        cpu_convolution.follow(x, self.bn1)
        shortcut = x if self.conv_downsample is None else self.conv_downsample(x)  # (B, outputs, F, T)
        hidden = F.selu(cpu_convolution.normalised(x, self.conv1, self.bn2), inplace=True)  # (B, outputs, F + 1, T)
        return F.max_pool2d(self.conv2(hidden) + shortcut, (1, TIME_POOL))  # (B, outputs, F, T // 3)


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
        mixed = update_nodes(self, nodes, self.node_attention(nodes, n_temporal))  # (B, N, outputs)
        return mixed[:, :n_temporal], mixed[:, n_temporal:], self.update_master(nodes, master)

    def node_attention(self, nodes: Tensor, n_temporal: int) -> Tensor:
        """(B, N, inputs), the first `n_temporal` nodes temporal -> (B, N, N)."""
        edges = torch.tanh(self.att_proj(nodes.unsqueeze(2) * nodes.unsqueeze(1)))  # (B, N, N, outputs)
        spectral = (torch.arange(nodes.shape[1], device=nodes.device) >= n_temporal).long()
        weights = torch.cat((self.att_weight11, self.att_weight12, self.att_weight22), dim=1).T  # (3, outputs)
        scores = (edges * weights[spectral[:, None] + spectral]).sum(-1)  # (B, N, N)
        return (scores / self.temperature).softmax(-1)

    def update_master(self, nodes: Tensor, master: Tensor) -> Tensor:
        """(B, N, inputs), (B or 1, 1, inputs) -> (B, 1, outputs)."""
        scores = torch.tanh(self.att_projM(nodes * master)) @ self.att_weightM  # (B, N, 1)
        attention = (scores / self.temperature).softmax(1).transpose(1, 2)  # (B, 1, N)
        return self.proj_with_attM(attention @ nodes) + self.proj_without_attM(master)


def attention_weight(channels: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_normal_(torch.empty(channels, 1)))


def update_nodes(layer: GraphAttention | HeterogeneousGraphAttention, nodes: Tensor, attention: Tensor) -> Tensor:
    """SELU(BN(U(attention x) + V(x))) with the layer's U, V and BN: (B, N, inputs), (B, N, N) -> (B, N, outputs)."""
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
        gates, kept = gates.topk(max(int(nodes.shape[1] * self.ratio), 1), dim=1)  # (B, N', 1)
        return nodes.gather(1, kept.expand(-1, -1, nodes.shape[2])) * gates  # (B, N', C)


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
    dropout: float = 1.0  # factor on the paper's dropout probabilities, of which the highest is 0.5

    def __post_init__(self) -> None:
        if not self.encoder_channels or min(*self.encoder_channels, *self.graph_channels) < 1:
            sizes = f"encoder_channels {self.encoder_channels}, graph_channels {self.graph_channels}"
            raise ValueError(f"{sizes}: expected at least one block, and every size to be 1 or more")
        if not all(0 < ratio <= 1 for ratio in self.pool_ratios):
            raise ValueError(f"pool_ratios {self.pool_ratios}: expected shares above 0, up to 1")
        if min(self.temperatures) <= 0:
            raise ValueError(f"temperatures {self.temperatures}: expected numbers above 0")
        if self.sinc_filters < TIME_POOL or self.sinc_stride < 1:
            given = f"sinc_filters {self.sinc_filters}, sinc_stride {self.sinc_stride}"
            raise ValueError(f"{given}: expected at least {TIME_POOL} filters, and a stride of 1 or more")
        if self.log_floor is not None and self.log_floor <= 0:
            raise ValueError(f"log_floor {self.log_floor}: expected a magnitude above 0, or none")
        if not 0 <= self.dropout < 2:
            raise ValueError(f"dropout {self.dropout}: expected a factor from 0 to below 2")

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
    """Countermeasure: of its two logits a higher logits[:, 1] means more bona fide, the official score of an utterance.

    Departures from the official program: the embedding is returned before its dropout, nothing is done in place on
    what is returned, and there is no frequency masking (its Freq_aug, off by default).
    """

    TAKES = "wave"

    sinc: Tensor

    def __init__(self, config: AASISTConfig, outputs: int = 2):
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
        self.out_layer = nn.Linear(5 * joint, outputs)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p *= config.dropout

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) at 16 kHz -> embedding (B, 5 * graph_channels[1]), logits (B, outputs): of 2, spoof and bona fide.

        Raises ValueError if `wave` is not a (B, T) float tensor of at least `config.minimum_samples` samples.
        """
        check_wave(wave, self.config.minimum_samples)
        bands = self.front_end(wave)  # (B, F, T / 3), F = sinc_filters // 3
        encoded = self.encoder(bands)  # (B, C, F, T')
        embedding = self.graphs(encoded)  # (B, 5 * joint)
        return embedding, self.out_layer(self.drop(embedding))

    def front_end(self, wave: Tensor) -> Tensor:
        """(B, T) -> (B, F, T / 3); in float32 under autocast too."""
        with torch.autocast(wave.device.type, enabled=False):
            pooled = pooled_bands(wave, self.sinc, self.config.sinc_stride)  # (B, F, T / 3)
            if self.config.log_floor is not None:
                pooled = torch.log(pooled + self.config.log_floor)
            return F.selu(self.first_bn(pooled.unsqueeze(1))).squeeze(1)

    def graphs(self, encoded: Tensor) -> Tensor:
        """(B, C, F, T') -> (B, 5 * joint)."""
        magnitude = encoded.abs()
        spectral = magnitude.amax(3).transpose(1, 2) + self.pos_S  # (B, F, C)
        spectral = self.pool_S(self.GAT_layer_S(spectral))  # (B, N_s, graph)
        temporal = magnitude.amax(2).transpose(1, 2)  # (B, T', C)
        temporal = self.pool_T(self.GAT_layer_T(temporal))  # (B, N_t, graph)
        branches = (
            (self.HtrgGAT_layer_ST11, self.pool_hT1, self.pool_hS1, self.HtrgGAT_layer_ST12, self.master1),
            (self.HtrgGAT_layer_ST21, self.pool_hT2, self.pool_hS2, self.HtrgGAT_layer_ST22, self.master2),
        )
        first, second = (self.branch(temporal, spectral, *branch) for branch in branches)
        temporal, spectral, master = (torch.maximum(a, b) for a, b in zip(first, second, strict=True))
        readout = (
            temporal.abs().amax(1),  # (B, joint), as all five
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
        """(B, N_t, graph), (B, N_s, graph) -> temporal, spectral and stack nodes: (B, N_t', joint), (B, N_s', joint),
        (B, 1, joint)."""
        temporal, spectral, master = first(temporal, spectral, master)
        nodes = (pool_temporal(temporal), pool_spectral(spectral), master)
        return tuple(self.drop_way(a + b) for a, b in zip(nodes, second(*nodes), strict=True))


def check_wave(wave: Tensor, minimum_samples: int) -> None:
    if wave.ndim != 2 or not wave.is_floating_point():
        raise ValueError(f"expected a float wave of shape (B, T), got {wave.dtype} of shape {tuple(wave.shape)}")
    if wave.shape[1] < minimum_samples:
        raise ValueError(f"expected at least {minimum_samples} samples, got a wave of shape {tuple(wave.shape)}")


def build(config: AASISTConfig, outputs: int) -> AASIST:
    """See `models`."""
    return AASIST(config, outputs)
