"""Time AASIST, alone or against the official program, for inference and for a training step.

Usage:  python benchmarks/aasist_speed.py [--official FOLDER] [--config aasist] [--batch 4] [--rounds 5] [--device cpu]

FOLDER is a checkout of github.com/clovaai/aasist. Each side runs in its own process, ours with `keep_large_blocks`, the
official one with the default allocator; they take turns, one step at a time. A training step is forward, weighted cross
entropy, backward and Adam. Throughput is the median over the rounds; the ratio is of the same round, median (min-max).
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.aasist import CONFIGS, AASISTConfig, build
from voxdag.allocator import keep_large_blocks

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


def steps(network: nn.Module, batch: int, device: str) -> dict[str, Callable[[], None]]:
    generator = torch.Generator().manual_seed(0)
    wave = (0.1 * torch.randn(batch, SAMPLES, generator=generator)).to(device)
    labels = (torch.arange(batch) % 2).to(device)
    loss = nn.CrossEntropyLoss(torch.tensor(CLASS_WEIGHTS)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-4)

    def inference() -> None:
        network.eval()
        with torch.inference_mode():
            network(wave)

    def training() -> None:
        network.train()
        optimizer.zero_grad()
        loss(logits(network, wave), labels).backward()
        optimizer.step()

    return {"inference": inference, "training step": training}


def logits(network: nn.Module, wave: Tensor) -> Tensor:
    return network(wave)[1]


def timed(step: Callable[[], None], device: str) -> dict[str, float]:
    """Wall and CPU seconds, and on CUDA the peak memory in bytes, of one step."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    measured = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return measured | ({"memory": torch.cuda.max_memory_allocated()} if device == "cuda" else {})


def serve(pipe: Connection, official: Path | None, config: str, batch: int, device: str) -> None:
    """Answer each name of a step with its measurement, until the name is empty."""
    torch.manual_seed(0)
    if official is None:
        keep_large_blocks()
    network = build(config) if official is None else official_network(official, CONFIGS[config])
    known = steps(network.to(device), batch, device)
    while name := pipe.recv():
        pipe.send(timed(known[name], device))


def measure(arguments: argparse.Namespace) -> dict[str, dict[str, list[dict[str, float]]]]:
    """{step: {side: one measurement per round}}; a first round warms up and is dropped."""
    context = multiprocessing.get_context("spawn")
    sides = {"ours": None} | ({"official": arguments.official} if arguments.official else {})
    pipes, workers = {}, []
    for side, folder in sides.items():
        pipes[side], theirs = context.Pipe()
        settings = (theirs, folder, arguments.config, arguments.batch, arguments.device)
        workers.append(context.Process(target=serve, args=settings, daemon=True))
        workers[-1].start()
        theirs.close()
    results = {step: {side: [] for side in sides} for step in ("inference", "training step")}
    for _ in range(arguments.rounds + 1):
        for step, of_side in results.items():
            for side, pipe in pipes.items():
                pipe.send(step)
                of_side[side].append(pipe.recv())
    for pipe, worker in zip(pipes.values(), workers, strict=True):
        pipe.send("")
        worker.join()
    return {step: {side: rounds[1:] for side, rounds in of_side.items()} for step, of_side in results.items()}


def report(results: dict[str, dict[str, list[dict[str, float]]]], batch: int) -> list[str]:
    lines = [f"{'step':14} {'side':9} {'utterances/s':>12} {'CPU-s/utterance':>15}"]
    for step, of_side in results.items():
        for side, rounds in of_side.items():
            median = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
            line = f"{step:14} {side:9} {batch / median['wall']:12.2f} {median['cpu'] / batch:15.3f}"
            if "memory" in median:
                line += f"   peak {median['memory'] / 2**30:.2f} GiB"
            if step == "training step":
                line += f"   an epoch of {EPOCH:,}: {EPOCH * median['wall'] / batch / 60:.1f} min"
            lines.append(line)
        if "official" in of_side:
            for key in ("wall", "cpu"):
                ratios = [a[key] / b[key] for a, b in zip(of_side["official"], of_side["ours"], strict=True)]
                spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                lines.append(f"{step:14} official {key} / ours: {spread}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--official", type=Path, help="a checkout of github.com/clovaai/aasist")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="aasist")
    parser.add_argument("--batch", type=int, help="utterances; default 4, on cuda 24")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    arguments.batch = arguments.batch or (24 if arguments.device == "cuda" else 4)
    print("\n".join(report(measure(arguments), arguments.batch)))


if __name__ == "__main__":
    main()
