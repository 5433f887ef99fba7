"""A classifier of domains (codecs, qualities) on an embedding, to train a network against.

    embedding (B, E) -> linear, ReLU, dropout, for each hidden size -> linear -> logits (B, outputs)

Source: Ganin et al., "Domain-adversarial training of neural networks", JMLR 17, 2016 (its domain classifier).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from models.pooling import projection


@dataclass(frozen=True)
class DomainHeadConfig:
    """inputs: E, the embedding's size; hidden: sizes of the layers before the last; dropout: behind each of them."""

    inputs: int
    hidden: tuple[int, ...] = (64,)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if min(self.inputs, *self.hidden, 1) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"{self}: expected sizes of 1 or more, dropout from 0 to below 1")


CONFIGS = {"quick": DomainHeadConfig(inputs=64), "reference": DomainHeadConfig(inputs=256, hidden=(512, 512))}


class DomainHead(nn.Module):
    """(B, E) -> (B, outputs)."""

    def __init__(self, config: DomainHeadConfig, outputs: int):
        super().__init__()
        sizes = (config.inputs, *config.hidden)
        self.layers = nn.Sequential(*projection(sizes, config.dropout), nn.Linear(sizes[-1], outputs))

    def forward(self, embedding: Tensor) -> Tensor:
        """See above."""
        return self.layers(embedding)


def build(config: DomainHeadConfig, outputs: int) -> DomainHead:
    """See `models`."""
    return DomainHead(config, outputs)
