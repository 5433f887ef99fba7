"""Self-supervised front ends of countermeasures: WavLM and wav2vec 2.0, which say what each of their layers hears.

They are torchaudio's, and read the weights that torchaudio publishes (`wavlm_base_plus.pth`; docs/CORPORA.md) as they
are, since their tensors have the same names here; without weights they are drawn at random. A frozen one is heard
without dropout, and is not written into checkpoints.

Sources: Chen et al., "WavLM: large-scale self-supervised pre-training for full stack speech processing", IEEE JSTSP
2022; Baevski et al., "wav2vec 2.0", NeurIPS 2020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchaudio.models import wav2vec2_model, wavlm_model

from models.attention import repeatable

PUBLISHED = ("feature_extractor.", "encoder.")  # how names of a published file begin
OTHER = ("aux.",)  # and those of what a file that was fine-tuned to recognise speech has beside
KINDS = ("wavlm", "wav2vec2")
BUCKETS, DISTANCE = 320, 800  # of WavLM's relative positions


@dataclass(frozen=True)
class FrontEndConfig:
    """kind          wavlm or wav2vec2
    frozen        whether training leaves the front end as it is
    convolutions  channels, kernel and stride of each of the first layers, in samples of 16 kHz
    width         D, of the Transformer; depth: its layers, L; heads: of its attention; hidden: of its linear maps
    positions     kernel and groups of the convolution that tells positions
    dropout       while it is trained

    The defaults are the base size of both.
    """

    kind: str = "wavlm"
    frozen: bool = True
    convolutions: tuple[tuple[int, int, int], ...] = ((512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2)
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    positions: tuple[int, int] = (128, 16)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if not self.convolutions:
            raise ValueError("convolutions is empty, expected one at least")
        sizes = (*self.positions, *(size for layer in self.convolutions for size in layer))
        if min(self.width, self.depth, self.heads, self.hidden, *sizes) < 1:
            raise ValueError(f"{self}: expected sizes of 1 or more")
        for field, count in (("heads", self.heads), ("the groups of positions", self.positions[1])):
            if self.width % count:
                raise ValueError(f"width is {self.width}, expected a multiple of {field}, {count}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected from 0 to below 1")

    @property
    def frame_samples(self) -> int:
        """The samples that one frame hears."""
        samples = 1
        for _, kernel, stride in reversed(self.convolutions):
            samples = (samples - 1) * stride + kernel
        return samples


# Of no published weights: for tests
TINY_FORM: dict[str, Any] = {
    "convolutions": ((16, 10, 5), (16, 8, 8), (16, 8, 8)),
    "width": 16,
    "depth": 2,
    "heads": 2,
    "hidden": 32,
    "positions": (16, 2),
}


class FrontEnd(nn.Module):
    """The front end alone, and what is the base of networks on it."""

    def __init__(self, config: FrontEndConfig):
        super().__init__()
        self.config = config
        form = {
            "extractor_mode": "group_norm",
            "extractor_conv_layer_config": [tuple(layer) for layer in config.convolutions],
            "extractor_conv_bias": False,
            "encoder_embed_dim": config.width,
            "encoder_projection_dropout": config.dropout,
            "encoder_pos_conv_kernel": config.positions[0],
            "encoder_pos_conv_groups": config.positions[1],
            "encoder_num_layers": config.depth,
            "encoder_num_heads": config.heads,
            "encoder_attention_dropout": config.dropout,
            "encoder_ff_interm_features": config.hidden,
            "encoder_ff_interm_dropout": 0.0,
            "encoder_dropout": config.dropout,
            "encoder_layer_norm_first": False,
            "encoder_layer_drop": 0.0,  # all layers are asked for
            "aux_num_out": None,
        }
        if config.kind == "wavlm":
            model = wavlm_model(**form, encoder_num_buckets=BUCKETS, encoder_max_distance=DISTANCE)
        else:
            model = wav2vec2_model(**form)
        self.feature_extractor, self.encoder = model.feature_extractor, model.encoder
        for part in (self.feature_extractor, self.encoder):
            part.requires_grad_(not config.frozen)

    @property
    def minimum_samples(self) -> int:
        """A shorter crop is refused."""
        return self.config.frame_samples

    def layers(self, wave: Tensor) -> Tensor:
        """Crops (B, T) -> frames of each layer, (L, B, T', D). Raises ValueError for crops too short."""
        if wave.shape[1] < self.minimum_samples:
            raise ValueError(f"crops of {wave.shape[1]} samples, expected {self.minimum_samples} or more")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.frozen), repeatable(wave):
            return torch.stack(self.encoder.extract_features(self.feature_extractor(wave, None)[0]))

    def fingerprint(self) -> str:
        """What tells the front end from another: a hash of its kind and tensors."""
        digest = hashlib.blake2b(self.config.kind.encode(), digest_size=8)
        for name, tensor in sorted(self.state_dict().items()):
            if name.startswith(PUBLISHED):
                digest.update(f"{name} {tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().numpy().tobytes())
        return digest.hexdigest()

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """The tensors of a file that torchaudio published, without those of a recogniser that stands behind the front
        end; None for other files. See `models`.

        Raises ValueError for a file of another front end or size, naming a tensor that differs.
        """
        given = {name: tensor for name, tensor in tensors.items() if not name.startswith(OTHER)}
        if not given or not all(name.startswith(PUBLISHED) for name in given):
            return None
        expected = {name: tensor for name, tensor in self.state_dict().items() if name.startswith(PUBLISHED)}
        ours = f"{self.config.kind} of {self.config.depth} layers"
        for word, names in (("missing", expected.keys() - given), ("unknown", given.keys() - expected)):
            if names:
                raise ValueError(f"{len(names)} tensors are {word}, such as {min(names)}; expected those of {ours}")
        for name, tensor in expected.items():
            held = given[name]
            if held.shape != tensor.shape or not held.is_floating_point():
                found, wanted = tuple(held.shape), tuple(tensor.shape)
                raise ValueError(f"{name} is {held.dtype} of shape {found}, expected floats of shape {wanted} ({ours})")
        return {name: given[name].float() for name in expected}


class SelfSupervised(FrontEnd):
    """A network on such a front end, whose own parts stand behind it."""

    TAKES = "wave"
