"""A countermeasure that pools the weighted layers of a self-supervised front end.

    wave (B, T)
      front end        WavLM or wav2vec 2.0: its L layers say frames each                  (L, B, T', D)
      pooling          statistics: mean and standard deviation over frames of the layers' weighted sum     (B, 2 D)
                       mhfa: each head attends to frames by keys, one weighted sum of the layers, and averages
                       values, another one, both compressed to C numbers                   (B, heads C)
      projection       linear, ReLU, dropout, once for each size                           (B, E): the embedding
      head             linear                                                              (B, outputs)

All frames of a crop are pooled and none is padding: a recording that is shorter is repeated. In place of waves the
network takes what ssl_moments makes of them, where the front end is frozen and the pooling is of statistics: these
follow from the moments of the layers, so it is trained without the front end, with the same outputs.

Sources: those of ssl_front_end and pooling; Peng et al., "An attention-based backend allowing efficient fine-tuning of
transformer models for speaker verification", SLT 2022 (multi-head factorised attention).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.pooling import WeightedSum, moments_size, projection, statistics, statistics_of_sum
from models.ssl_front_end import TINY_FORM, FrontEndConfig, SelfSupervised


@dataclass(frozen=True)
class SSLPoolingConfig(FrontEndConfig):
    """Besides the front end:

    pooling             statistics or mhfa; pooling_heads, compressed (C): of mhfa
    projection          sizes of the linear maps behind the pooling; the last is the embedding's
    projection_dropout  behind each of them
    """

    pooling: str = "statistics"
    pooling_heads: int = 32
    compressed: int = 128
    projection: tuple[int, ...] = (512, 256)
    projection_dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}, expected one of {', '.join(POOLINGS)}")
        if not self.projection or min(self.pooling_heads, self.compressed, *self.projection) < 1:
            sizes = f"pooling_heads {self.pooling_heads}, compressed {self.compressed}, projection {self.projection}"
            raise ValueError(f"{sizes}: expected sizes of 1 or more, and one projection at least")
        if not 0 <= self.projection_dropout < 1:
            raise ValueError(f"projection_dropout is {self.projection_dropout}, expected from 0 to below 1")


class Statistics(nn.Module):
    """Layers (L, B, T', D) -> (B, 2 D)."""

    def __init__(self, config: SSLPoolingConfig):
        super().__init__()
        self.sum = WeightedSum(config.depth)
        self.size = 2 * config.width

    def forward(self, layers: Tensor) -> Tensor:
        """See above."""
        return statistics(self.sum(layers).transpose(1, 2))

    def of_moments(self, moments: Tensor) -> Tensor:
        """The same, of what ssl_moments says of the layers: (B, L + L (L + 1) / 2, D) -> (B, 2 D)."""
        return statistics_of_sum(moments, self.sum.weights.softmax(0))


class FactorisedAttention(nn.Module):
    """Layers (L, B, T', D) -> (B, heads C)."""

    def __init__(self, config: SSLPoolingConfig):
        super().__init__()
        width, depth = config.width, config.depth
        self.sum_keys, self.sum_values = WeightedSum(depth), WeightedSum(depth)
        self.keys, self.values = nn.Linear(width, config.compressed), nn.Linear(width, config.compressed)
        self.attention = nn.Linear(config.compressed, config.pooling_heads)
        self.size = config.pooling_heads * config.compressed

    def forward(self, layers: Tensor) -> Tensor:
        """See above."""
        keys, values = self.keys(self.sum_keys(layers)), self.values(self.sum_values(layers))  # (B, T', C)
        attention = self.attention(keys).softmax(1)  # (B, T', H)
        return torch.einsum("bth,btc->bhc", attention, values).flatten(1)


POOLINGS = {"statistics": Statistics, "mhfa": FactorisedAttention}
CONFIGS = {
    "wavlm_base_plus": SSLPoolingConfig(),
    "wav2vec2_base": SSLPoolingConfig(kind="wav2vec2"),
    "tiny": SSLPoolingConfig(**TINY_FORM, pooling_heads=4, compressed=8, projection=(16,)),
}


class SSLPooling(SelfSupervised):
    """See above."""

    def __init__(self, config: SSLPoolingConfig, outputs: int):
        super().__init__(config)
        self.pooling = POOLINGS[config.pooling](config)
        self.projection = projection((self.pooling.size, *config.projection), config.projection_dropout)  # type: ignore[arg-type]
        self.head = nn.Linear(config.projection[-1], outputs)

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) waves, or (B, L + L (L + 1) / 2, D) moments -> embedding (B, E), logits (B, outputs).

        Raises ValueError for crops too short for a frame, and for moments of another size, or that it does not take.
        """
        pooled = self.pooling(self.layers(wave)) if wave.ndim == 2 else self.pooled_moments(wave)
        embedding = self.projection(pooled)
        return embedding, self.head(embedding)

    def pooled_moments(self, moments: Tensor) -> Tensor:
        """(B, L + L (L + 1) / 2, D) -> (B, 2 D). Raises ValueError as `forward` does."""
        config = self.config
        if not config.frozen or config.pooling != "statistics":  # type: ignore[attr-defined]
            raise ValueError(
                f"frozen is {config.frozen} and pooling {config.pooling}; moments stand for the waves where the front "  # type: ignore[attr-defined]
                "end is frozen and pooling is statistics"
            )
        expected = (moments_size(config.depth), config.width)
        if moments.shape[1:] != expected:
            raise ValueError(
                f"moments are of {tuple(moments.shape[1:])}, expected {expected}, of {config.depth} layers"
            )
        return self.pooling.of_moments(moments)  # type: ignore[operator]


def build(config: SSLPoolingConfig, outputs: int) -> SSLPooling:
    """See `models`."""
    return SSLPooling(config, outputs)
