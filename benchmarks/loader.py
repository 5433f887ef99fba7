"""Random crops a second from memory-mapped shards, by one worker, and how much memory that touches.

Usage:  python -m benchmarks.loader [--gigabytes 4] [--folder FOLDER] [--seconds 10]

Packs recordings of 1-7 s (as ASVspoof 2019 LA's) until they hold `gigabytes`, and draws crops of 64,600 samples from
all of them as training does: order, start and repeat padding included, batches of 24.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from voxdag.data import shards
from voxdag.training.batches import Batches, Crops, LoaderSettings

RATE, CROP, BATCH, MEGABYTES = 16_000, 64_600, 24, 256


def recordings(gigabytes: float) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """Noise of drawn lengths; the same block is cut anew each time, for speed."""
    rng = np.random.default_rng(0)
    block = rng.integers(-3000, 3000, 7 * RATE).astype(np.int16)
    left, number = gigabytes * 2**30 / 2, 0
    while left > 0:
        samples = block[: int(rng.uniform(1, 7) * RATE)]
        yield {"id": f"u{number:07d}", "label": "spoof"}, {shards.WAVE: samples}
        left, number = left - len(samples), number + 1


def measure(folder: Path, seconds: float) -> tuple[float, int]:
    """(crops a second, recordings)."""
    packed = shards.Shards(folder).waves(RATE, "this benchmark")
    crops = Crops(packed, np.zeros(len(packed), np.int64), CROP, seed=0)
    batches = Batches(crops, LoaderSettings(BATCH, 0, torch.device("cpu"), workers=0))
    drawn, epoch, start = 0, 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for batch in batches.epoch(epoch):
            drawn += len(batch["waves"])
            if time.perf_counter() - start >= seconds:
                break
        epoch += 1
    return drawn / (time.perf_counter() - start), len(packed)


def main() -> None:
    """Pack, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, help="where the shards go; default: a temporary folder")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        shards.write(Path(folder), recordings(arguments.gigabytes), shards.wave_at(RATE), MEGABYTES)
        rate, count = measure(Path(folder), arguments.seconds)
    print(f"{rate:.0f} crops of {CROP} samples a second from {count} recordings, {arguments.gigabytes} GB, one process")


if __name__ == "__main__":
    main()
