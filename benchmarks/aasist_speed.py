"""Time AASIST, alone, in its plain form or against the official program, for inference and for a training step.

Usage:  python -m benchmarks.aasist_speed [--official FOLDER | --plain] [--config aasist] [--batch 4] [--rounds 5]
        [--device cpu]

FOLDER is a checkout of github.com/clovaai/aasist; --plain times the forms that a GPU gets on the CPU, to show what
models/cpu_convolution.py is worth. Each side runs in its own process, ours with `keep_large_blocks`, the official one
with the default allocator; they take turns, one step at a time. A training step is forward, weighted cross
entropy, backward and Adam. Throughput is the median over the rounds; the ratio is of the same round, median (min-max).
"""

from __future__ import annotations

import argparse
import importlib.util
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from benchmarks import side_by_side
from models import cpu_convolution
from models.aasist import AASIST, CONFIGS, AASISTConfig
from voxdag.core.allocator import keep_large_blocks

SAMPLES = 64_600  # 4 s at 16 kHz, the official window
EPOCH = 25_380  # utterances of the ASVspoof 2019 LA train split
CLASS_WEIGHTS = (0.1, 0.9)  # spoof, bona fide: the official loss


def official_network(folder: Path, config: AASISTConfig) -> nn.Module:
    if config.sinc_stride != 1:
        raise ValueError("the official program has no strided sinc front end; choose aasist or aasist_l")
    spec = importlib.util.spec_from_file_location("official_aasist", folder / "models" / "AASIST.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    encoder = [list(pair) for pair in pairwise((1, *config.encoder_channels))]
    sizes = {
        "filts": [config.sinc_filters, *encoder[:3], encoder[-1]],
        "first_conv": 128,
        "gat_dims": list(config.graph_channels),
        "pool_ratios": [*config.pool_ratios, 0.5],
        "temperatures": [*config.temperatures, 100.0],
    }
    return program.Model(sizes)


def steps(network: nn.Module, batch: int, device: str) -> side_by_side.Steps:
    generator = torch.Generator().manual_seed(0)
    wave = (0.1 * torch.randn(batch, SAMPLES, generator=generator)).to(device)
    labels = (torch.arange(batch) % 2).to(device)
    loss = nn.CrossEntropyLoss(torch.tensor(CLASS_WEIGHTS)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-4)
    return side_by_side.steps(network, optimizer, lambda: network(wave), lambda: loss(network(wave)[1], labels))


def make(side: str, folder: Path | None, config: str, batch: int, device: str) -> side_by_side.Steps:
    """The steps of one side: ours with `keep_large_blocks`, the official one with the default allocator."""
    if side == "official":
        return steps(official_network(folder, CONFIGS[config]).to(device), batch, device)
    keep_large_blocks()
    if side == "plain":
        cpu_convolution.on_cpu = lambda tensor: False
    return steps(AASIST(CONFIGS[config]).to(device), batch, device)


def epoch(step: str, seconds: float, batch: int) -> str:
    return f"   an epoch of {EPOCH:,}: {EPOCH * seconds / batch / 60:.1f} min" if step == "training step" else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--official", type=Path, help="a checkout of github.com/clovaai/aasist")
    other.add_argument("--plain", action="store_true", help="beside the forms that a GPU gets")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="aasist")
    parser.add_argument("--batch", type=int, help="utterances; default 4, on cuda 24")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    arguments.batch = arguments.batch or (24 if arguments.device == "cuda" else 4)
    other = "plain" if arguments.plain else "official" if arguments.official else None
    settings = (arguments.official, arguments.config, arguments.batch, arguments.device)
    made = {side: (make, (side, *settings)) for side in ("ours", other) if side}
    results = side_by_side.measure(made, arguments.rounds)
    lines = side_by_side.report(results, arguments.batch, "utterance", partial(epoch, batch=arguments.batch))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
