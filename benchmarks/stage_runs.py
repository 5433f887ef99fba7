"""Run a toy pipeline many times with its stages side by side: are there lock errors, and is dvc.lock the serial run's?

Usage:  python -m benchmarks.stage_runs [--runs 100] [-j 8] [--width 8] [--status] [--processes]
Prints: how many runs failed, how many said a word of locks, how many lock files differ; seconds beside `dvc repro`

Each run is `python -m voxdag.run` in a fresh copy of the pipeline: a stage, twice `--width` stages below it that take
up to a tenth of a second, and one that gathers them. --status: `dvc status` is asked again and again meanwhile, as a
person would. --processes: instead of it as many `dvc repro --single-item` as there are stages to a level, all at once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

PIPELINE = """
stages:
  first:
    cmd: echo first > first.txt
    outs: [first.txt]
  branch:
    foreach: [{items}]
    do:
      cmd: sleep 0.0${{item}}; mkdir -p branch; cp first.txt branch/${{item}}.txt
      deps: [first.txt]
      outs: ["branch/${{item}}.txt"]
  measure:
    foreach: [{items}]
    do:
      cmd: sleep 0.0${{item}}; mkdir -p measure; wc branch/${{item}}.txt > measure/${{item}}.txt
      deps: ["branch/${{item}}.txt"]
      outs: ["measure/${{item}}.txt"]
  join:
    cmd: cat branch/*.txt measure/*.txt > joined.txt
    deps: [branch, measure]
    outs: [joined.txt]
"""
ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """A command of Python's, there."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True)


def as_processes(folder: Path, width: int) -> str:
    """What `dvc repro --single-item` for each stage of a level says, all of them at once."""
    levels = [["first"], *([f"{group}@{i}" for i in range(width)] for group in ("branch", "measure")), ["join"]]
    said: list[str] = []
    for level in levels:
        one = [
            Thread(target=lambda name=name: said.append(run(folder, "dvc", "repro", "-s", name).stderr))
            for name in level
        ]
        for thread in one:
            thread.start()
        for thread in one:
            thread.join()
    return "".join(said)


def ask_status(folder: Path, end: Event) -> None:
    """Ask `dvc status` until the end."""
    while not end.is_set():
        run(folder, "dvc", "status")


def main() -> None:
    """Print the counts and the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("-j", "--jobs", type=int, default=8)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--status", action="store_true", help="ask for the status meanwhile")
    parser.add_argument("--processes", action="store_true", help="run `dvc repro --single-item` many times instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        fresh, failed, of_locks, different, seconds = Path(place, "fresh"), 0, 0, 0, []
        fresh.mkdir()
        (fresh / "dvc.yaml").write_text(PIPELINE.format(items=", ".join(map(str, range(arguments.width)))))
        run(fresh, "dvc", "init", "--no-scm", "-q")
        serial = Path(shutil.copytree(fresh, Path(place, "serial")))
        began = time.monotonic()
        run(serial, "dvc", "repro")
        alone = time.monotonic() - began
        for i in range(arguments.runs):
            folder, end, began = Path(shutil.copytree(fresh, Path(place, str(i)))), Event(), time.monotonic()
            asking = Thread(target=ask_status, args=(folder, end))
            if arguments.status:
                asking.start()
            if arguments.processes:
                code, said = 0, as_processes(folder, arguments.width)
            else:
                done = run(folder, "voxdag.run", "-j", str(arguments.jobs))
                code, said = done.returncode, done.stdout + done.stderr
            seconds.append(time.monotonic() - began)
            end.set()
            if arguments.status:
                asking.join()
            failed += code != 0
            of_locks += "acquire lock" in said or "is busy" in said
            different += (folder / "dvc.lock").read_bytes() != (serial / "dvc.lock").read_bytes()
            shutil.rmtree(folder)
    print(
        f"{arguments.runs} runs of {2 * arguments.width + 2} stages: {failed} failed, {of_locks} met a lock, ", end=""
    )
    print(f"{different} left another dvc.lock; median {statistics.median(seconds):.1f} s, `dvc repro` {alone:.1f} s")


if __name__ == "__main__":
    main()
