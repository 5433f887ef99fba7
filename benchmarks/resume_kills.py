"""Kill training at random instants, any number of times a run, and compare the bytes of what it ends with.

Usage:  python -m benchmarks.resume_kills CLONE SYSTEM [--kills 30] [--kills-a-run 3] [--seed 0]
Reads:  CLONE    a clone of the repository in which `dvc repro` has run (with tiny parameters it takes minutes)
Prints: one line a run: kills, where they fell, whether the outputs have the bytes of the run that was not killed

Instants are uniform over the seconds of an unbroken run, so they fall into imports, steps, scoring of dev, writing of
states (saved at every step) and of outputs alike. Starts alternate between no and two loader workers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def start(clone: Path, system: str, workers: int) -> subprocess.Popen:
    """Training of a system, in a process group of its own."""
    environment = os.environ | {"VOXDAG_SAVE_SECONDS": "0", "VOXDAG_WORKERS": str(workers)}
    command = [sys.executable, "-m", "stages.train", system]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=clone, env=environment, start_new_session=True, **quiet)


def outputs(clone: Path, system: str) -> str:
    """A hash of the names and bytes of all that training wrote."""
    folder, digest = clone / "data/checkpoints" / system, hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def clear(clone: Path, system: str) -> None:
    """Forget outputs and states."""
    shutil.rmtree(clone / "data/checkpoints" / system, ignore_errors=True)
    shutil.rmtree(clone / "data/resume" / system, ignore_errors=True)


def unbroken(clone: Path, system: str) -> tuple[str, float]:
    """(hash of the outputs, seconds) of a run that nobody kills."""
    clear(clone, system)
    began = time.monotonic()
    if start(clone, system, 0).wait():
        sys.exit(f"training of {system} fails in {clone}")
    return outputs(clone, system), time.monotonic() - began


def killed(clone: Path, system: str, seconds: float, kills: int, draw: random.Random) -> tuple[str, list[float]]:
    """(hash of the outputs, seconds of each kill) of a run that is killed up to `kills` times, then left to end."""
    clear(clone, system)
    instants = []
    for number in range(kills):
        training, instant = start(clone, system, 2 * (number % 2)), draw.uniform(0, seconds)
        try:
            training.wait(instant)
            break  # it ended before
        except subprocess.TimeoutExpired:
            os.killpg(training.pid, signal.SIGKILL)
            training.wait()
            instants.append(round(instant, 2))
    if start(clone, system, 2 * draw.randrange(2)).wait():
        sys.exit(f"training of {system} fails after kills at {instants} s")
    return outputs(clone, system), instants


def main() -> None:
    """Run until enough kills have fallen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("system")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--kills-a-run", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    expected, seconds = unbroken(arguments.clone, arguments.system)
    print(f"unbroken: {seconds:.1f} s, {expected[:12]}", flush=True)
    draw, fallen, equal = random.Random(arguments.seed), 0, 0
    while fallen < arguments.kills:
        found, instants = killed(arguments.clone, arguments.system, seconds, arguments.kills_a_run, draw)
        fallen, equal = fallen + len(instants), equal + len(instants) * (found == expected)
        print(f"killed at {instants} s: {'equal' if found == expected else 'DIFFERENT'}", flush=True)
    print(f"{equal} of {fallen} kills ended with equal bytes")
    sys.exit(equal != fallen)


if __name__ == "__main__":
    main()
