"""Time training steps in one process and in several that train together: seconds a step, and the ratio.

Usage:  python -m benchmarks.processes [--network aasist] [--config aasist_s] [--samples 24000] [--batch 16]
        [--processes 2] [--device cpu] [--steps 10] [--rounds 3]

The ways take turns, each round in processes of its own, begun by torchrun where there are several: one process with one
thread, one with as many threads as there are processes, and the processes with one thread each. On GPUs: one, and as
many as there are processes. A step is all that training does: a batch from the loader, its rows shared out, forward,
cross entropy, backward, gradients summed, clipping, Adam. Two steps before the first that counts. Figures of a machine
that does other work say little.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import Dataset

from voxdag.core import ranks
from voxdag.core.allocator import keep_large_blocks
from voxdag.networks import by_name
from voxdag.networks.frozen import train_mode
from voxdag.training.averaging import Averaging
from voxdag.training.batches import Batch, LoaderSettings
from voxdag.training.distributed import joined, share
from voxdag.training.early_stopping import StoppingRules
from voxdag.training.learner import Materials, OneLoss
from voxdag.training.recipe import Recipe
from voxdag.training.updater import Updater

UNCOUNTED = 2  # steps before the first that counts
LR = 1e-3


class Noise(Dataset):
    """Recordings of noise, two classes; an item is asked for as (epoch, i)."""

    def __init__(self, count: int, samples: int):
        self.waves = np.random.default_rng(0).normal(0, 0.1, (count, samples)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.waves)

    def __getitems__(self, items: list[tuple[int, int]]) -> Batch:
        """waves (B, samples), labels (B,)."""
        rows = np.array([i for _, i in items])
        return {"waves": torch.from_numpy(self.waves[rows]), "labels": torch.from_numpy(rows % 2)}


class Countermeasure(OneLoss):
    """Cross entropy on noise."""

    def inputs(self, batch: Batch) -> tuple[torch.Tensor]:
        """Waves on the device."""
        return (batch["waves"].to(self.device),)

    def loss(self, batch: Batch) -> torch.Tensor:
        """The batch's mean."""
        _, logits = self.network(*self.inputs(batch))
        return F.cross_entropy(logits, batch["labels"].to(self.device))

    def criteria(self) -> dict[str, float | None]:
        """None: nothing is chosen."""
        return {}


def seconds(arguments: argparse.Namespace) -> float:
    """Of a step, in this process, which may train together with others."""
    torch.manual_seed(0)
    device, steps = torch.device(arguments.device), UNCOUNTED + arguments.steps
    recipe = Recipe(
        epochs=1, batch_size=arguments.batch, optimizer="adam", lr=LR, lr_floor=LR, warmup=0, betas=(0.9, 0.999),
        weight_decay=0.0, clip_norm=5.0, precision="fp32", max_nonfinite=0, averaging=Averaging("none", 0.0),
        stopping=StoppingRules(None, None, 0.0, 0.0, 1),
    )  # fmt: skip
    network = by_name.build(arguments.network, arguments.config, {}, 2).to(device)
    materials = Materials({}, {}, LoaderSettings(arguments.batch, 0, device, 0), recipe, network)
    learner = Countermeasure(materials, Noise(arguments.batch * steps, arguments.samples))
    share(learner.networks.values())
    train_mode(network)
    updater, times = Updater(learner.optimizers, recipe, 0, device), []
    for step, batch in enumerate(learner.batches(0, 0)):
        updater.begin(step, LR)
        learner.step(batch, updater)  # ends with a transfer from the device
        times.append(time.perf_counter())
    return (times[-1] - times[UNCOUNTED - 1]) / arguments.steps


def work(arguments: argparse.Namespace) -> None:
    """What one of the processes of a round does: the first one prints its seconds."""
    torch.set_num_threads(arguments.threads)
    keep_large_blocks()
    with joined(torch.device(arguments.device)):
        found = seconds(arguments)
        if ranks.is_first():
            print(found)


def measured(arguments: argparse.Namespace, processes: int, threads: int) -> float:
    """Seconds of a step of a round."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    names = ("network", "config", "samples", "batch", "device", "steps")
    settings = [word for name in names for word in (f"--{name}", str(getattr(arguments, name)))]
    words = [sys.executable, *(launcher if processes > 1 else []), "-m", "benchmarks.processes", *settings]
    done = subprocess.run([*words, "--threads", str(threads)], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Take turns, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("network", "aasist"), ("config", "aasist_s"), ("device", "cpu")):
        parser.add_argument(f"--{name}", default=default)
    for name, default in (("samples", 24000), ("batch", 16), ("processes", 2), ("steps", 10), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)  # of one process of a round
    arguments = parser.parse_args()
    if arguments.threads is not None:
        work(arguments)
        return
    several = arguments.processes
    ways = [(1, 1), (1, several), (several, 1)] if arguments.device == "cpu" else [(1, 1), (several, 1)]
    times: dict[tuple[int, int], list[float]] = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way in ways:
            times[way].append(measured(arguments, *way))
    alone = statistics.median(times[ways[0]])
    for (processes, threads), found in times.items():
        middle, least, most = statistics.median(found), min(found), max(found)
        print(
            f"{processes} processes of {threads} threads: {1000 * middle:.0f} ms a step ({1000 * least:.0f} to "
            f"{1000 * most:.0f}), {alone / middle:.2f} times as fast as one"
        )


if __name__ == "__main__":
    main()
