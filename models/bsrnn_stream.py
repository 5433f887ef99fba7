"""A causal BSRNN hop by hop: what it makes of a wave as it comes in, with the state that it carries."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.bsrnn import BSRNN


class BSRNNStream(nn.Module):
    """One step of a causal BSRNN: a hop of samples in, a hop of enhanced samples out, `delay` samples later.

    Step by step it makes of a wave, followed by `delay` zeros, what the network makes of it whole, behind `delay`
    samples of no meaning.

    Raises ValueError for a network that is not causal, or has several outputs.
    """

    def __init__(self, network: BSRNN):
        super().__init__()
        if not network.config.causal or network.outputs != 1:
            found = f"causal {network.config.causal}, outputs {network.outputs}"
            raise ValueError(f"{found}: expected a causal network of one output")
        self.network = network

    @property
    def hop(self) -> int:
        """Samples of a step."""
        return self.network.config.hop

    @property
    def delay(self) -> int:
        """Samples between what goes in and what comes out of a step. With the wait for a hop to fill, the latency of
        the first of its samples is one window."""
        return self.network.config.window - self.network.config.hop

    def start(self, batch: int = 1) -> tuple[Tensor, ...]:
        """The state before the first step: samples heard (B, delay), sums to go on with (B, delay), and h and c of each
        layer (1, B K, hidden)."""
        config, like = self.network.config, self.network.split.weight
        recurrent = (1, batch * len(config.bands), config.hidden)
        shapes = [(batch, self.delay)] * 2 + [recurrent] * (2 * config.layers)
        return tuple(like.new_zeros(shape) for shape in shapes)

    def forward(self, samples: Tensor, heard: Tensor, sums: Tensor, *recurrent: Tensor) -> tuple[Tensor, ...]:
        """(B, hop) and the state -> (B, hop), and the state to go on with."""
        stft = self.network.stft
        frame = torch.cat([heard, samples], dim=1)  # (B, window)
        states = [*zip(recurrent[::2], recurrent[1::2], strict=True)]
        enhanced, behind = self.network.enhance(stft.spectra(frame)[None], None, states)  # (1, B, F, 1, 2)
        sums = F.pad(sums, (0, self.hop)) + stft.pieces(enhanced[0, :, :, 0])  # (B, window)
        carried = [part for state in behind for part in state]
        return (sums[:, : self.hop], frame[:, self.hop :], sums[:, self.hop :], *carried)
