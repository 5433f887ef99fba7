"""Time an epoch of training on what a frozen front end said, from shards: of WavLM base, as many recordings as asked.

Usage:  python -m benchmarks.embedded_speed [--recordings 25000] [--batch 256] [--epochs 3] [--threads 1]
Writes: a temporary folder of shards, 276 kB a recording (moments drawn at random)
Prints: gigabytes of shards, seconds of each epoch: batches from the shards, forward, backward, AdamW

The first epoch reads shards that were just written, so all epochs read from memory where there is enough of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from models import ssl_moments, ssl_pooling
from models.pooling import moments_size
from voxdag.core.allocator import keep_large_blocks
from voxdag.data import shards
from voxdag.data.shards import Shards, Track
from voxdag.training.batches import Batches, Crops, LoaderSettings

SIZE = "wavlm_base_plus"


def pack(folder: Path, count: int) -> Shards:
    """Shards of as many recordings, whose moments are random but could be some."""
    config = ssl_moments.CONFIGS[SIZE]
    shape, rng = (moments_size(config.depth), config.width), np.random.default_rng(0)
    one = np.abs(rng.standard_normal(shape, np.float32))
    rows = (({"id": f"u{i}"}, {"moments": one * np.float32(1 + i % 7 / 10)}) for i in range(count))
    shards.write(folder, rows, {"moments": Track("float32", shape[1:], None)}, shards.MEGABYTES)
    return Shards(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recordings", type=int, default=25_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_large_blocks()
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(Path(folder), given.recordings).track("moments")
        labels = np.arange(given.recordings) % 2
        crops = Crops(packed, labels, int(packed.lengths[0]), 1)
        batches = Batches(crops, LoaderSettings(given.batch, 1, torch.device("cpu"), 0))
        network = ssl_pooling.build(ssl_pooling.CONFIGS[SIZE], 2).train()
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(f"{given.recordings:,} recordings, {size / 1e9:.1f} GB of shards", flush=True)
        for epoch in range(given.epochs):
            begin, cpu = time.perf_counter(), time.process_time()
            for batch in batches.epoch(epoch):
                optimizer.zero_grad()
                F.cross_entropy(network(batch["waves"])[1], batch["labels"]).backward()
                optimizer.step()
            wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
            print(f"epoch {epoch + 1}: {wall:.1f} s, {cpu:.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
