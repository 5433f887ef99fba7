"""Time the sizes of BSRNN: whole recordings, hop by hop in torch and in ONNX, and training steps.

Usage:  python -m benchmarks.enhance_speed [--sizes tiny small ...]              every size by itself
        python -m benchmarks.enhance_speed --official FOLDER [--device cuda]     the paper's size against the reference

Of every size: parameters; seconds of one processor per second of audio (RTF) of a whole recording of 3 s and, of causal
sizes, of steps in torch and in ONNX, with the latency; CPU seconds of a training step (batch of waves of 2 s: forward,
L1 of the waves, backward, Adam). FOLDER is a checkout of github.com/sungwon23/BSRNN: its BSRNN(64, 5) and our size
"paper" take turns, each in its own process, with the STFT and its inverse; on a GPU peak memory is printed too.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import side_by_side
from models.bsrnn import CONFIGS, RATE, build
from voxdag.core.allocator import keep_large_blocks
from voxdag.networks import streaming

HEARD, TRAINED = 3, 2  # seconds of a recording, and of each of a batch
WINDOW, HOP = 512, 128
OFFICIAL = (64, 5)  # channels, layers


def noise(batch: int, seconds: float, device: str = "cpu") -> Tensor:
    return 0.1 * torch.randn(batch, round(seconds * RATE), device=device)


class Ours(nn.Module):
    """A size, waves to waves."""

    def __init__(self, size: str):
        super().__init__()
        self.network = build(CONFIGS[size], 1)

    def forward(self, waves: Tensor) -> Tensor:
        return self.network(waves, torch.full((len(waves),), waves.shape[1], device=waves.device))


class Official(nn.Module):
    """The reference's network, waves to waves."""

    def __init__(self, folder: Path):
        super().__init__()
        sys.path.insert(0, str(folder))
        sys.modules["utils"] = types.ModuleType("utils")  # for its metrics, which need packages of their own
        self.network = importlib.import_module("module").BSRNN(*OFFICIAL)

    def forward(self, waves: Tensor) -> Tensor:
        window = torch.hann_window(WINDOW, device=waves.device)
        spectrum = torch.stft(waves, WINDOW, HOP, window=window, onesided=True, return_complex=True)
        return torch.istft(self.network(spectrum), WINDOW, HOP, window=window, length=waves.shape[1])


def steps_of(network: nn.Module, batch: int, heard: int, device: str) -> side_by_side.Steps:
    """inference of `heard` recordings at once, and training step."""
    network = network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    recordings = noise(heard, HEARD, device)
    noisy, clean = (noise(batch, TRAINED, device) for _ in range(2))

    def loss() -> Tensor:
        return (network(noisy) - clean).abs().mean()

    return side_by_side.steps(network, optimizer, lambda: network(recordings), loss)


def make(official: Path | None, batch: int, device: str, threads: int) -> side_by_side.Steps:
    """The steps of one side, ours with `keep_large_blocks`."""
    torch.set_num_threads(threads)
    if official is None:
        keep_large_blocks()
    return steps_of(Ours("paper") if official is None else Official(official), batch, batch, device)


def fastest(step: Callable[[], None], rounds: int) -> float:
    """CPU seconds of the fastest of some rounds, after one to warm up."""
    step()
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        step()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def of_size(size: str, batch: int, rounds: int) -> str:
    """What is printed of a size: on one thread."""
    ours = Ours(size)
    parameters = sum(parameter.numel() for parameter in ours.parameters())
    steps = steps_of(ours, batch, 1, "cpu")
    seconds = {name: fastest(step, rounds) for name, step in steps.items()}
    line = f"{size:13} {parameters:9,} {seconds['inference'] / HEARD:9.4f} {seconds['training step']:10.3f}"
    if not CONFIGS[size].causal:
        return line
    stream = streaming.stream_of(ours.network)
    with tempfile.TemporaryDirectory() as folder:
        streaming.export(stream, Path(folder) / "step.onnx")
        in_torch, in_onnx = streaming.in_torch(stream), streaming.in_onnx(Path(folder) / "step.onnx")
        factors = (in_torch.real_time_factor(rounds=rounds), in_onnx.real_time_factor(rounds=rounds))
    return line + f" {factors[0]:9.4f} {factors[1]:9.4f} {1000 * in_torch.latency:8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=sorted(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--official", type=Path, help="a checkout of the reference program")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="with --official")
    parser.add_argument("--device", default="cpu", help="with --official")
    arguments = parser.parse_args()
    if arguments.official is not None:
        shared = (arguments.batch, arguments.device, arguments.threads)
        sides = {"ours": (make, (None, *shared)), "official": (make, (arguments.official.resolve(), *shared))}
        results = side_by_side.measure(sides, arguments.rounds)
        print("\n".join(side_by_side.report(results, arguments.batch, "recording", lambda step, seconds: "")))
        return
    torch.set_num_threads(1)
    keep_large_blocks()
    print(
        f"{'size':13} {'weights':>9} {'RTF whole':>9} {'train s':>10} {'RTF torch':>9} {'RTF ONNX':>9} {'late ms':>8}"
    )
    for line in map(partial(of_size, batch=arguments.batch, rounds=arguments.rounds), arguments.sizes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
