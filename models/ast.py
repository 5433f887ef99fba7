"""AST: the Audio Spectrogram Transformer, of log-mel or other features with a frame every hop.

    features (B, F, T)
      stem         3 x 3 convolutions, each halving bands and frames, where the config has them (ours)
      patches      a strided convolution: F' x T' overlapping patches as tokens, row by row of F'   (B, F' T', D)
      tokens       a class token, and a distillation token beside it, where the pooling is of them
      positions    one learned vector a token
      depth x      layer norm, self-attention; layer norm, MLP; each beside its input               (B, N, D)
      layer norm, pooling                                                                           (B, D)
      head

Source: Gong, Chung and Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021, arXiv 2104.01778, and its program
(YuanGongND/ast, src/models/ast_models.py), a DeiT: Touvron et al., "Training data-efficient image transformers &
distillation through attention", ICML 2021, arXiv 2012.12877. CONFIGS["base"] and CONFIGS["small"] have its sizes,
CONFIGS["reference"] that of the regressor in winzerprince/sentio, ast/ast_with_gans.ipynb (whose layer norms add 1e-5,
and whose linear maps are drawn as torch does). Departures: a recording may be shorter than `frames`. It has as many
patches as cover it, at the first positions, the last one with zeros (of the normalised features) behind its end;
patches of padding are neither attended to nor pooled. "quick" and "tiny", heads with a hidden layer and the pooling
`mean` are not AST's; drop path (Huang et al., "Deep networks with stochastic depth", ECCV 2016) is DeiT's. The stem is
that of Xiao et al., "Early convolutions help transformers see better", NeurIPS 2021, with padding left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.ast_published import converted
from models.attention import attend

EPS = 1e-6  # of layer norms in DeiT
INIT_STD = 0.02  # of positions, tokens and linear maps
TOKENS = {"cls": 1, "cls_distilled": 2, "mean": 0}  # pooling -> tokens before the patches


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.2)."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) True where there is a token -> (B, N, D)."""
        heads = self.qkv(tokens).unflatten(2, (3, self.heads, -1))  # (B, N, 3, H, D / H)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (B, H, N, D / H) each
        dropout = self.dropout if self.training else 0.0
        mixed = attend(query, key, value, mask[:, None, None], dropout)  # (B, H, N, D / H)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class DropPath(nn.Module):
    """In training, drops what a branch adds, for a share of the recordings; what stays is scaled up for it."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, branch: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        if not self.training or self.share == 0:
            return branch
        kept = torch.rand(branch.shape[0], 1, 1, device=branch.device) >= self.share
        return branch * kept / (1 - self.share)


@dataclass(frozen=True)
class ASTConfig:
    """bands      feature rows that it takes
    frames     of the longest recording that it takes
    patch      bands and frames of a patch; stride: from one patch to the next
    stem       channels of the convolutions before the patches; a patch and its stride are multiples of what these halve
    width      of a token; depth: blocks; heads: of attention; mlp_ratio: hidden units of an MLP, in widths
    head       hidden units of the head (GELU); 0: a layer norm and a linear map, as in AST
    pooling    cls: the class token; cls_distilled: the mean of it and the distillation token; mean: of the patches
    dropout    of tokens and branches; attention_dropout: of attention's weights, which on a CPU doubles the time
    drop_path  share of the last block's branches that are dropped in training; it rises from 0 at the first
    mean, deviation  features become (features - mean) / (2 deviation), as in AST: theirs over the training corpus.
                     Those of AudioSet are -4.27 and 4.57 (`fbank` features of waves in -1..1); 0 and 0.5 change nothing
    """

    bands: int
    frames: int
    width: int
    depth: int
    heads: int
    pooling: str
    patch: tuple[int, int] = (16, 16)
    stride: tuple[int, int] = (16, 16)
    stem: tuple[int, ...] = ()
    mlp_ratio: int = 4
    head: int = 0
    dropout: float = 0.0
    attention_dropout: float = 0.0
    drop_path: float = 0.0
    mean: float = 0.0
    deviation: float = 0.5

    def __post_init__(self) -> None:
        counts = (self.bands, self.frames, *self.patch, *self.stride)
        if min(*counts, self.width, self.depth, self.heads, self.mlp_ratio) < 1 or self.head < 0:
            raise ValueError(f"{self}: expected every size to be 1 or more, head 0 or more")
        if self.patch[0] > self.bands or self.patch[1] > self.frames:
            size = f"bands {self.bands}, frames {self.frames}"
            raise ValueError(f"patch {self.patch}: expected at most {size}")
        if self.stride[0] > self.patch[0] or self.stride[1] > self.patch[1]:
            raise ValueError(f"stride {self.stride}: expected at most patch {self.patch}, so that nothing is left out")
        if min(self.stem, default=1) < 1 or any(size % 2 ** len(self.stem) for size in (*self.patch, *self.stride)):
            raise ValueError(
                f"stem {self.stem}, patch {self.patch}, stride {self.stride}: expected channels of 1 or more, and "
                f"multiples of {2 ** len(self.stem)}"
            )
        if self.width % self.heads:
            raise ValueError(f"width {self.width}, heads {self.heads}: expected as many heads as divide the width")
        if self.pooling not in TOKENS:
            raise ValueError(f"pooling {self.pooling!r}: expected one of {', '.join(TOKENS)}")
        rates = {name: getattr(self, name) for name in ("dropout", "attention_dropout", "drop_path")}
        if not all(0 <= rate < 1 for rate in rates.values()):
            said = ", ".join(f"{name} {rate}" for name, rate in rates.items())
            raise ValueError(f"{said}: expected probabilities from 0 to below 1")
        if not self.deviation > 0:
            raise ValueError(f"deviation {self.deviation}: expected more than 0")

    @property
    def grid(self) -> tuple[int, int]:
        """F', T': patches of the longest recording. Bands and frames that do not fill a last patch are not heard."""
        sizes = zip((self.bands, self.frames), self.patch, self.stride, strict=True)
        rows, columns = ((size - patch) // stride + 1 for size, patch, stride in sizes)
        return rows, columns


AST_RECIPE: dict[str, Any] = {
    "bands": 128,
    "frames": 1024,
    "stride": (10, 10),
    "depth": 12,
    "pooling": "cls_distilled",
    "mean": -4.27,
    "deviation": 4.57,
}
CONFIGS = {
    "quick": ASTConfig(
        bands=64, frames=128, stem=(16, 32, 64, 64), width=64, depth=1, heads=4, pooling="mean", dropout=0.1
    ),
    "tiny": ASTConfig(bands=128, frames=1024, width=96, depth=4, heads=4, pooling="mean", dropout=0.1),
    "reference": ASTConfig(
        bands=128, frames=1292, width=384, depth=6, heads=6, pooling="cls", head=256, dropout=0.1, attention_dropout=0.1
    ),
    "small": ASTConfig(width=384, heads=6, **AST_RECIPE),
    "base": ASTConfig(width=768, heads=12, **AST_RECIPE),
}


class Block(nn.Module):
    """Attention and MLP, each behind a layer norm and beside its input."""

    def __init__(self, config: ASTConfig, drop_path: float):
        super().__init__()
        width, hidden = config.width, config.mlp_ratio * config.width
        self.norm1 = nn.LayerNorm(width, EPS)
        self.attn = Attention(width, config.heads, config.attention_dropout)
        self.norm2 = nn.LayerNorm(width, EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})
        self.drop, self.drop_path = nn.Dropout(config.dropout), DropPath(drop_path)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, D)."""
        tokens = tokens + self.drop_path(self.drop(self.attn(self.norm1(tokens), mask)))
        hidden = self.drop(nn.functional.gelu(self.mlp["fc1"](self.norm2(tokens))))  # (B, N, hidden)
        return tokens + self.drop_path(self.drop(self.mlp["fc2"](hidden)))


class AST(nn.Module):
    """features (B, bands, T), frames (B,) -> embedding (B, width), outputs (B, outputs)."""

    TAKES = "features"

    def __init__(self, config: ASTConfig, outputs: int):
        super().__init__()
        self.config = config
        rows, columns = config.grid
        sizes, part = (1, *config.stem), 2 ** len(config.stem)
        self.stem = nn.ModuleList(_halving(inputs, channels) for inputs, channels in itertools.pairwise(sizes))
        patch, stride = (tuple(size // part for size in pair) for pair in (config.patch, config.stride))
        self.patches = nn.Conv2d(sizes[-1], config.width, patch, stride)
        self.token_count = TOKENS[config.pooling]
        if self.token_count:
            self.tokens = nn.Parameter(torch.empty(self.token_count, config.width))
        self.positions = nn.Parameter(torch.empty(self.token_count + rows * columns, config.width))
        self.drop = nn.Dropout(config.dropout)
        shares = [config.drop_path * i / max(1, config.depth - 1) for i in range(config.depth)]
        self.blocks = nn.ModuleList(Block(config, share) for share in shares)
        self.norm = nn.LayerNorm(config.width, EPS)
        _draw(self)
        self.head = _head(config, outputs)

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, bands, T), (B,) int64 -> (B, width), (B, outputs); padding has no effect in eval mode.

        Raises ValueError for another number of bands, or more frames than the positions are for.
        """
        config = self.config
        if features.shape[1] != config.bands or features.shape[2] > config.frames:
            size = f"{features.shape[1]} rows and {features.shape[2]} frames"
            raise ValueError(
                f"features have {size}, this size of the network takes {config.bands} and up to {config.frames}"
            )
        hidden, mask = self.embedded(features, frames)  # (B, F' T', D), (B, F' T')
        if self.token_count:
            tokens = (self.tokens + self.positions[: self.token_count]).expand(len(hidden), -1, -1)
            hidden = torch.cat([tokens, hidden], 1)  # (B, N, D)
            mask = nn.functional.pad(mask, (self.token_count, 0), value=True)  # (B, N)
        hidden = self.drop(hidden)
        for block in self.blocks:
            hidden = block(hidden, mask)
        embedding = self.pooled(self.norm(hidden), mask)  # (B, D)
        return embedding, self.head(embedding)

    def embedded(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Patches with positions (B, F' T', D), as many as cover T frames, and whether they are there (B, F' T').

        A patch is where it covers frames of the recording that those before it do not; the first one always is.
        """
        config, (rows, most) = self.config, self.config.grid
        (_, patch), (_, stride), length = config.patch, config.stride, features.shape[2]
        own = torch.arange(length, device=frames.device) < frames[:, None]  # (B, T)
        features = (features - config.mean) / (2 * config.deviation)
        features = features.masked_fill(~own[:, None], 0)  # what is behind a recording may be anything
        columns = min(1 + max(0, -((patch - length) // stride)), most)
        behind = (columns - 1) * stride + patch - length  # below 0 where the last frames fill no patch
        maps, own = (nn.functional.pad(part, (0, behind)) for part in (features[:, None], own[:, None, None]))
        for layer in self.stem:
            own = own[..., ::2]
            maps = layer(maps).masked_fill(~own, 0)  # (B, C, F / 2, T / 2)
        maps = self.patches(maps)  # (B, D, F', T')
        positions = self.positions[self.token_count :].unflatten(0, (rows, most))[:, :columns]  # (F', T', D)
        patches = (maps.permute(0, 2, 3, 1) + positions).flatten(1, 2)  # (B, F' T', D)
        covered = torch.arange(columns, device=frames.device) * stride + patch - stride  # by those before, (T',)
        covered[0] = 0
        there = covered < frames[:, None]  # (B, T')
        return patches, there[:, None].expand(-1, rows, -1).flatten(1)

    def pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, D)."""
        if self.token_count:
            return hidden[:, : self.token_count].mean(1)
        return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """See `models`: of AST on AudioSet, and of DeiT; the head stays as it was drawn."""
        return converted(tensors, self)


def build(config: ASTConfig, outputs: int) -> AST:
    """See `models`."""
    return AST(config, outputs)


def _halving(inputs: int, channels: int) -> nn.Sequential:
    """(B, inputs, F, T) -> (B, channels, F / 2, T / 2), rounded up."""
    convolution = nn.Conv2d(inputs, channels, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.GELU())


def _head(config: ASTConfig, outputs: int) -> nn.Sequential:
    if config.head == 0:
        return nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, outputs))
    return nn.Sequential(
        nn.Linear(config.width, config.head), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(config.head, outputs)
    )


def _draw(network: AST) -> None:
    """As in DeiT: biases of linear maps at zero; the convolution as torch draws it."""
    drawn: list[Tensor] = [network.positions, *([network.tokens] if network.token_count else [])]
    for module in network.blocks.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
            drawn.append(module.weight)
    for parameter in drawn:
        nn.init.trunc_normal_(parameter, std=INIT_STD)
