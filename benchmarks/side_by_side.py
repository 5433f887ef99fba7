"""Time two programs in turn, each in its own process: a machine that slows down slows both."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

import torch
from torch import Tensor, nn

STEPS = ("inference", "training step")
Steps = dict[str, Callable[[], None]]
Side = tuple[Callable[..., Steps], tuple]  # a function that makes the steps, in the side's process, and its arguments
Results = dict[str, dict[str, list[dict[str, float]]]]  # step -> side -> one measurement per round


def measure(sides: Mapping[str, Side], rounds: int) -> Results:
    """Time both steps of every side, one step at a time; a first round warms up and is dropped."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for side, (make, arguments) in sides.items():
        pipes[side], theirs = context.Pipe()
        workers.append(context.Process(target=_serve, args=(theirs, make, arguments), daemon=True))
        workers[-1].start()
        theirs.close()
    results: Results = {step: {side: [] for side in sides} for step in STEPS}
    for _ in range(rounds + 1):
        for step, of_side in results.items():
            for side, pipe in pipes.items():
                pipe.send(step)
                of_side[side].append(pipe.recv())
    for pipe, worker in zip(pipes.values(), workers, strict=True):
        pipe.send("")
        worker.join()
    return {step: {side: measured[1:] for side, measured in of_side.items()} for step, of_side in results.items()}


def report(results: Results, units: float, unit: str, note: Callable[[str, float], str]) -> list[str]:
    """Throughput, the median over the rounds, and the ratio of the same round, median (min-max).

    units: how many `unit`s a step works through.  note: what to add to a step's line, given its name and seconds.
    """
    lines = [f"{'step':14} {'side':9} {unit + '/s':>14} {'CPU-s/' + unit:>16}"]
    for step, of_side in results.items():
        for side, rounds in of_side.items():
            median = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
            line = f"{step:14} {side:9} {units / median['wall']:14.2f} {median['cpu'] / units:16.4f}"
            if "memory" in median:
                line += f"   peak {median['memory'] / 2**30:.2f} GiB"
            lines.append(line + note(step, median["wall"]))
        for other in of_side.keys() - {"ours"}:
            for key in ("wall", "cpu"):
                ratios = [a[key] / b[key] for a, b in zip(of_side[other], of_side["ours"], strict=True)]
                spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                lines.append(f"{step:14} {other} {key} / ours: {spread}")
    return lines


def steps(
    network: nn.Module, optimizer: torch.optim.Optimizer, scored: Callable[[], object], loss: Callable[[], Tensor]
) -> Steps:
    """The two steps that every network is timed in: `inference`, which is what `scored` does, and `training step`,
    which is the loss, backward and an update."""

    def inference() -> None:
        network.eval()
        with torch.inference_mode():
            scored()

    def training() -> None:
        network.train()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return dict(zip(STEPS, (inference, training), strict=True))


def _serve(pipe: Connection, make: Callable[..., Steps], arguments: tuple) -> None:
    """Answer each name of a step with its measurement, until the name is empty."""
    torch.manual_seed(0)
    steps = make(*arguments)
    while name := pipe.recv():
        pipe.send(_timed(steps[name]))


def _timed(step: Callable[[], None]) -> dict[str, float]:
    """Wall and CPU seconds, and where CUDA is in use the peak memory in bytes, of one step."""
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    if cuda:
        torch.cuda.synchronize()
    measured = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return measured | ({"memory": torch.cuda.max_memory_allocated()} if cuda else {})
