"""Time the large networks beside others' programs, for inference and for a training step.

Usage:  python -m benchmarks.transformer_speed ast [--official FOLDER] [--batch 12] [--rounds 5] [--device cpu]
        python -m benchmarks.transformer_speed wavlm [--transformers] [--frozen] [--batch 12] ...

ast    AST of the paper's size on clips of 1,024 frames. FOLDER is a checkout of github.com/YuanGongND/ast, whose model
       needs the packages timm 0.4.5 and wget, and runs in float16 on a GPU, as ours then does beside it.
wavlm  A countermeasure on WavLM base, all layers pooled, on crops of 64,600 samples; with --transformers beside one on
       the WavLM of the package transformers, which has to be installed. --frozen trains only what is behind WavLM.

All weights are random. Sides take turns, each in its own process. A training step is forward, squared outputs, backward
and Adam. Throughput is the median over the rounds; the ratio is of the same round, median (min-max).
"""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import side_by_side
from models import ast, ssl_pooling
from voxdag.core.allocator import keep_large_blocks

OUTPUTS = 2
FRAMES = 1024  # 10 s at a hop of 10 ms
SAMPLES = 64_600  # 4 s at 16 kHz


class Clips(nn.Module):
    """Our AST on clips without padding, in float16 where `half`."""

    def __init__(self, half: bool):
        super().__init__()
        self.half, self.network = half, ast.build(ast.CONFIGS["base"], OUTPUTS)

    def forward(self, clips: Tensor) -> Tensor:
        """(B, T, bands) -> (B, outputs)."""
        frames = torch.full((len(clips),), clips.shape[1], device=clips.device)
        with torch.autocast(clips.device.type, torch.float16, enabled=self.half):
            return self.network(clips.transpose(1, 2), frames)[1]


def official_ast(folder: Path) -> nn.Module:
    sys.modules["torch._six"] = types.SimpleNamespace(container_abcs=importlib.import_module("collections.abc"))
    sys.path.insert(0, str(folder / "src" / "models"))
    return importlib.import_module("ast_models").ASTModel(
        label_dim=OUTPUTS, input_tdim=FRAMES, imagenet_pretrain=False, model_size="base384", verbose=False
    )


class Countermeasure(nn.Module):
    """Ours, logits alone."""

    def __init__(self, frozen: bool):
        super().__init__()
        config = replace(ssl_pooling.CONFIGS["wavlm_base_plus"], frozen=frozen)
        self.network = ssl_pooling.build(config, OUTPUTS)

    def forward(self, waves: Tensor) -> Tensor:
        return self.network(waves)[1]


class OnTransformers(Countermeasure):
    """The same behind the other WavLM."""

    def __init__(self, frozen: bool):
        super().__init__(frozen)
        transformers = importlib.import_module("transformers")
        config = transformers.WavLMConfig(apply_spec_augment=False, layerdrop=0.0, activation_dropout=0.0)
        self.wavlm = transformers.WavLMModel(config).requires_grad_(not frozen)
        self.frozen = frozen
        del self.network.feature_extractor, self.network.encoder

    def forward(self, waves: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            layers = torch.stack(self.wavlm(waves, output_hidden_states=True).hidden_states[1:])
        return self.network.head(self.network.projection(self.network.pooling(layers)))


def make(side: str, arguments: argparse.Namespace) -> side_by_side.Steps:
    """The steps of one side, ours with `keep_large_blocks`."""
    device, batch = arguments.device, arguments.batch
    if side == "ours":
        keep_large_blocks()
    if arguments.network == "ast":
        beside = arguments.official is not None and device == "cuda"
        network = Clips(beside) if side == "ours" else official_ast(arguments.official)
        given = torch.randn(batch, FRAMES, 128, device=device)
    else:
        network = Countermeasure(arguments.frozen) if side == "ours" else OnTransformers(arguments.frozen)
        given = 0.1 * torch.randn(batch, SAMPLES, device=device)
    network = network.to(device)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-6)

    def loss() -> Tensor:
        return network(given).float().square().mean()

    return side_by_side.steps(network, optimizer, lambda: network(given), loss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", choices=("ast", "wavlm"))
    parser.add_argument("--official", type=Path, help="of ast: a checkout of its program")
    parser.add_argument("--transformers", action="store_true", help="of wavlm: beside the package transformers")
    parser.add_argument("--frozen", action="store_true", help="of wavlm: not fine-tuned")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    other = {"ast": "official" if arguments.official else None, "wavlm": "theirs" if arguments.transformers else None}
    made = {side: (make, (side, arguments)) for side in ("ours", other[arguments.network]) if side}
    results = side_by_side.measure(made, arguments.rounds)
    print("\n".join(side_by_side.report(results, arguments.batch, "recording", lambda step, seconds: "")))


if __name__ == "__main__":
    main()
