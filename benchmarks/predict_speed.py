"""Files a second of `predict`, as it is and as it was at another commit: whole processes, in turn.

Usage:  python -m benchmarks.predict_speed [--before HEAD~1] [--system tier1] [--files 1000] [--rounds 3] [--jobs 2]

Makes FLAC files of 1 to 5 s and the system's network as it is before training, in a folder of its own, and unpacks the
other commit there. A process counts from its start to its end, so with imports, and with what its own processes load.
Prints a line a process, then ratios of the same round: median (min to max).
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from voxdag.core import params
from voxdag.core.modules import load_module
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights
from voxdag.tasks import file_scoring

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000


def write_files(folder: Path, count: int) -> None:
    """Voiced syllables: harmonics of 120 Hz, three bursts a second, over noise that voice activity detection passes."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        t = np.arange(round(rng.uniform(1, 5) * RATE)) / RATE
        harmonics = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20))
        wave = 0.1 * np.clip(np.sin(6 * np.pi * t) + 0.5, 0, 1) * harmonics + 0.003 * rng.normal(size=t.size)
        soundfile.write(folder / f"{i:06d}.flac", wave, RATE)


def write_system(path: Path, name: str) -> None:
    """The weights of a system of params.yaml as they are before training."""
    tree = params.read()
    system = params.system(tree, name)
    inference = load_module("voxdag.tasks.{task}.inference", task=system.task)
    words = (system.network, system.model.config, system.model.changes, inference.OUTPUT_SIZE)
    torch.manual_seed(0)
    about = by_name.about(*words) | {"system": name} | file_scoring.of_system(tree, system).header()
    write_weights(path, by_name.build(*words, inference.BUFFERS), about)


def unpacked(revision: str, folder: Path) -> Path:
    """The tree of a commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


def seconds(tree: Path, weights: Path, files: Path, jobs: int) -> tuple[float, float]:
    """(wall, CPU) seconds of a process."""
    command = [sys.executable, "-m", "voxdag.predict", "--weights", weights, files]
    environment = os.environ | {"VOXDAG_JOBS": str(jobs), "PYTHONPATH": str(tree)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="HEAD~1", help="a commit")
    parser.add_argument("--system", default="tier1", help="of params.yaml; with the network's weights as they begin")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, weights = Path(scratch, "files"), Path(scratch, "system.safetensors")
        write_files(folder, arguments.files)
        write_system(weights, arguments.system)
        trees = {"before": unpacked(arguments.before, Path(scratch, "before")), "now": ROOT}
        rounds = []
        for _ in range(arguments.rounds):
            rounds.append({name: seconds(tree, weights, folder, arguments.jobs) for name, tree in trees.items()})
            for name, (wall, cpu) in rounds[-1].items():
                print(f"{name:6}  {arguments.files / wall:6.1f} files/s  {wall:7.1f} s, CPU {cpu:7.1f} s", flush=True)
    for place, what in enumerate(("wall", "CPU")):
        ratios = [one["before"][place] / one["now"][place] for one in rounds]
        print(f"{what} seconds before / now: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
