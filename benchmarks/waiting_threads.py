"""What it costs that threads wait for one another, alone and beside other jobs: seconds a training step of AASIST-S.

Usage: python -m benchmarks.waiting_threads [--threads 2] [--jobs 2] [--rounds 3]

Each way of waiting runs in a process of its own, in turn, first alone and then beside `--jobs` processes that compute.
GNU OpenMP, which torch brings on Linux, reads how long to turn round from GOMP_SPINCOUNT (300,000 by default), or from
OMP_WAIT_POLICY=PASSIVE not to.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

WAYS = {
    "OpenMP's own": {"GOMP_SPINCOUNT": "300000"},
    "voxdag's": {},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
STEPS, BATCH, SAMPLES = 3, 16, 48_000


def step_seconds(threads: int) -> float:
    """Seconds a step of forward and backward, the first one left out."""
    import torch

    from voxdag.networks import by_name

    torch.set_num_threads(threads)
    network, wave = by_name.build("aasist", "aasist_s", {}, 2).train(), torch.randn(BATCH, SAMPLES)
    network(wave)[1].sum().backward()
    start = time.perf_counter()
    for _ in range(STEPS):
        network(wave)[1].sum().backward()
    return (time.perf_counter() - start) / STEPS


def measured(way: dict[str, str], threads: int) -> float:
    """The same in a process of its own that waits in this way."""
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-m", "benchmarks.waiting_threads", "--step", "--threads", str(threads)]
    return float(subprocess.run(command, env=environment | way, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print a line a way: the median and the range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(step_seconds(arguments.threads))
        return
    for jobs in (0, arguments.jobs):
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(jobs)]
        rounds = [
            {name: measured(way, arguments.threads) for name, way in WAYS.items()} for _ in range(arguments.rounds)
        ]
        for other in others:
            other.kill()
            other.wait()
        for name in WAYS:
            seconds = [one[name] for one in rounds]
            spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
            print(f"beside {jobs} jobs, {name:24} {statistics.median(seconds):6.2f} s a step ({spread})", flush=True)


if __name__ == "__main__":
    import voxdag  # noqa: F401  before torch: it says how threads wait

    main()
