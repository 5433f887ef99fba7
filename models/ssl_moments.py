"""A frozen self-supervised front end, as what the statistics of its layers follow from; not to be trained.

    wave (B, T)
      front end    WavLM or wav2vec 2.0: its L layers say frames each                     (L, B, T', D)
      moments      means over frames of each layer, covariances of each two               (B, L + L (L + 1) / 2, D)

The mean and the deviation over frames of any weighted sum of the layers follow from these (models/pooling.py), so
ssl_pooling takes them in place of waves. Its weights are a published file (see ssl_front_end) as it is.
"""

from __future__ import annotations

from torch import Tensor

from models.pooling import moments, moments_size
from models.ssl_front_end import TINY_FORM, FrontEnd, FrontEndConfig

CONFIGS = {
    "wavlm_base_plus": FrontEndConfig(),
    "wav2vec2_base": FrontEndConfig(kind="wav2vec2"),
    "tiny": FrontEndConfig(**TINY_FORM),
}


class SSLMoments(FrontEnd):
    """See above."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of what it says of a crop."""
        return moments_size(self.config.depth), self.config.width

    def forward(self, wave: Tensor) -> Tensor:
        """(B, T) -> (B, L + L (L + 1) / 2, D). Raises ValueError for crops too short for a frame."""
        return moments(self.layers(wave))


def build(config: FrontEndConfig, outputs: int) -> SSLMoments:
    """See `models`; it has no outputs of a task."""
    return SSLMoments(config)
