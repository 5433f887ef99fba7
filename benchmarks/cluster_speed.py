"""What a Dask cluster costs beside processes of one machine: the same files through MP3, by as many of either, in turn.

Usage: python -m benchmarks.cluster_speed [--jobs 2] [--files 8 1000] [--rounds 3]        after: make cluster

A scheduler and a worker of `--jobs` threads run on this machine, so what differs is the cluster's own: its start for
each parallel map, and the way there and back. A file is 4 s of noise at 16 kHz. Seconds are of the clock; beside other
jobs, seconds of the processors say more: those of the driver, the scheduler, the worker, and all that these started.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from voxdag.audio import codecs
from voxdag.core.parallel import SCHEDULER, parallel_map

RATE, SECONDS = 16_000, 4
ADDRESS = "tcp://127.0.0.1:8797"


def through(number: int) -> np.ndarray:
    """A file's noise after the codec: (n,)."""
    wave = np.random.default_rng(number).uniform(-0.3, 0.3, SECONDS * RATE)
    return codecs.through(wave, RATE, "mp3", "3").wave


def listens(host: str, port: int) -> bool:
    """Whether anybody answers there."""
    with socket.socket() as there:
        return there.connect_ex((host, port)) == 0


@contextmanager
def cluster(jobs: int):
    """Processes of a scheduler and a worker."""
    dask = [sys.executable, "-m"]
    host, port = ADDRESS.removeprefix("tcp://").split(":")
    with tempfile.TemporaryDirectory() as place:
        scheduler = ["distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"]
        worker = ["distributed.cli.dask_worker", ADDRESS, "--nworkers", "1", "--nthreads", str(jobs), "--no-nanny"]
        rest = [*worker, "--no-dashboard", "--local-directory", place]
        running = [subprocess.Popen([*dask, *line], stderr=subprocess.DEVNULL) for line in (scheduler, rest)]
        try:
            while running[0].poll() is None and not listens(host, int(port)):
                time.sleep(0.1)
            yield [process.pid for process in running]
        finally:
            for process in running:
                process.terminate()
                process.wait()


def processor_seconds(processes: list[int]) -> float:
    """What processes and those that they have waited for have used."""
    fields = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in processes]
    return sum(int(each[i]) for each in fields for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def measured(files: int, jobs: int, address: str, processes: list[int]) -> tuple[float, float, list[bytes]]:
    """Seconds of the clock and of the processors, and what came out."""
    if address:
        os.environ[SCHEDULER] = address
    before, start = processor_seconds(processes), time.perf_counter()
    found = parallel_map(through, range(files), jobs, "files")
    seconds, used = time.perf_counter() - start, processor_seconds(processes) - before
    os.environ.pop(SCHEDULER, None)
    return seconds, used, [wave.tobytes() for wave in found]


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):5.1f} ({min(values):.1f}-{max(values):.1f})"


def main() -> None:
    """Print a line for each number of files and way: the medians and ranges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--files", type=int, nargs="+", default=[8, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with cluster(arguments.jobs) as processes:
        everyone = [os.getpid(), *processes]
        measured(1, arguments.jobs, ADDRESS, everyone)  # when it returns, the worker is there
        for files in arguments.files:
            ways = {"processes": "", "cluster": ADDRESS}
            rounds = [
                {name: measured(files, arguments.jobs, way, everyone) for name, way in ways.items()}
                for _ in range(arguments.rounds)
            ]
            assert all(one["cluster"][2] == one["processes"][2] for one in rounds)
            for name in ways:
                clock, processor = (spread([one[name][i] for one in rounds]) for i in (0, 1))
                print(f"{files:6} files, {name:9}  {clock} s of the clock, {processor} s of the processors", flush=True)


if __name__ == "__main__":
    main()
