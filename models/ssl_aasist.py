"""AASIST on a self-supervised front end, in place of its sinc filters.

    wave (B, T)
      front end        WavLM or wav2vec 2.0, the weighted sum of its L layers              (B, T', D)
      reduction        linear, then maxima over three numbers and three frames             (B, F, T' / 3)
      residual blocks  AASIST's, which leave the frames as they are                        (B, C, F, T' / 3)
      graphs, readout  AASIST's                                                            (B, 5 joint): the embedding
      head             linear                                                              (B, outputs)

Source: Tak, Todisco, Wang, Jung, Yamagishi and Evans, "Automatic speaker verification spoofing and deepfake detection
using wav2vec 2.0 and data augmentation", Odyssey 2022, the shape of today's best countermeasures. Departures: the sum
of layers in place of the last one alone (the same where its weights tell so), and AASIST's readout of graphs by maxima,
where theirs attends to the encoder's maps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from models.aasist import AASIST, TIME_POOL, AASISTConfig
from models.pooling import WeightedSum
from models.ssl_front_end import TINY_FORM, FrontEndConfig, SelfSupervised


@dataclass(frozen=True)
class SSLAASISTConfig(FrontEndConfig):
    """Besides the front end: reduced, the numbers that its frames are reduced to, and AASIST's sizes (see aasist)."""

    reduced: int = 128
    encoder_channels: tuple[int, ...] = (32, 32, 64, 64, 64, 64)
    graph_channels: tuple[int, int] = (64, 32)
    pool_ratios: tuple[float, float, float] = (0.5, 0.5, 0.5)
    temperatures: tuple[float, float, float] = (2.0, 2.0, 100.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.graphs()

    def graphs(self) -> AASISTConfig:
        """The sizes behind the front end. Raises ValueError for those that do not fit."""
        if self.reduced < TIME_POOL:
            raise ValueError(f"reduced is {self.reduced}, expected {TIME_POOL} or more")
        sizes = (self.encoder_channels, self.graph_channels, self.pool_ratios, self.temperatures)
        return AASISTConfig(*sizes, sinc_filters=self.reduced)


class Block(nn.Module):
    """Two convolutions over (numbers, frames) with a shortcut, normalised before each: (B, C, F, T) -> (B, C', F, T).

    The first block of all has no normalisation before it, since the reduction has one behind it.
    """

    def __init__(self, inputs: int, outputs: int, first: bool):
        super().__init__()
        self.bn1 = None if first else nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        self.shortcut = nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1)) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """See above."""
        normalised = x if self.bn1 is None else F.selu(self.bn1(x))
        return self.conv2(F.selu(self.bn2(self.conv1(normalised)))) + self.shortcut(x)


class SSLAASIST(SelfSupervised):
    """See above."""

    def __init__(self, config: SSLAASISTConfig, outputs: int):
        super().__init__(config)
        self.sum = WeightedSum(config.depth)
        self.reduction = nn.Linear(config.width, config.reduced)
        self.back_end = AASIST(config.graphs(), outputs)
        sizes = (1, *config.encoder_channels)
        blocks = (Block(a, b, first=i == 0) for i, (a, b) in enumerate(pairwise(sizes)))
        self.back_end.encoder = nn.Sequential(*blocks)

    @property
    def minimum_samples(self) -> int:
        """Those of three frames, which the reduction makes one of."""
        step = math.prod(stride for _, _, stride in self.config.convolutions)
        return self.config.frame_samples + (TIME_POOL - 1) * step

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) -> embedding (B, 5 graph_channels[1]), logits (B, outputs). Raises ValueError for crops too short."""
        reduced = self.reduction(self.sum(self.layers(wave))).transpose(1, 2)  # (B, reduced, T')
        maxima = F.max_pool2d(reduced.unsqueeze(1), TIME_POOL)  # (B, 1, F, T' / 3)
        encoded = self.back_end.encoder(F.selu(self.back_end.first_bn(maxima)))  # (B, C, F, T' / 3)
        embedding = self.back_end.graphs(encoded)
        return embedding, self.back_end.out_layer(self.back_end.drop(embedding))


CONFIGS = {
    "wavlm_base_plus": SSLAASISTConfig(),
    "wav2vec2_base": SSLAASISTConfig(kind="wav2vec2"),
    "tiny": SSLAASISTConfig(**TINY_FORM, reduced=12, encoder_channels=(4, 8), graph_channels=(8, 4)),
}


def build(config: SSLAASISTConfig, outputs: int) -> SSLAASIST:
    """See `models`."""
    return SSLAASIST(config, outputs)
