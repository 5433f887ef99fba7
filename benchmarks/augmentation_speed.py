"""Milliseconds that augmentation takes for a crop of 64,600 samples, one thread; RawBoost beside the official program.

Usage:  python -m benchmarks.augmentation_speed [--official FILE] [--rounds 5] [--crops 20]

FILE is RawBoost.py of github.com/TakHemlata/RawBoost-antispoofing. The two take turns, on the same crops in single
precision with the official ranges. The program's `randRange` is replaced by one that gives numbers and not arrays,
which numpy no longer turns into integers. Reverberation and noise read files that are written first: impulse responses
of 1 s, noises of 30 s, WAV at 16 kHz.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch

from voxdag.audio.rawboost import RawBoost, rawboost
from voxdag.core import params, presets, streams
from voxdag.tasks.antispoof.augmentation import Augmentation, Augmenter, Kind, Noise, Reverberation

RATE, CROP = 16_000, 64_600
PRESET, SYSTEM = "rawboost_la2019", "aasist"
NOTCHES = (5, 20, 8000, 100, 1000, 10, 100, 0, 0)  # nBands, minF, maxF, minBW, maxBW, minCoeff, maxCoeff, minG, maxG

Work = Callable[[np.ndarray, int], object]


def official(file: Path) -> dict[int, Work]:
    """The program's algorithms 1, 2, 3 and 5, each of a crop."""
    spec = importlib.util.spec_from_file_location("official_rawboost", file)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.randRange = lambda low, high, integer: (int if integer else float)(np.random.uniform(low, high))  # noqa: NPY002

    def convolutive(wave: np.ndarray, seed: int) -> np.ndarray:
        return program.LnL_convolutive_noise(wave, 5, *NOTCHES, 5, 20, RATE)

    return {
        1: convolutive,
        2: lambda wave, seed: program.ISD_additive_noise(wave, 10, 2),
        3: lambda wave, seed: program.SSI_additive_noise(wave, 10, 40, *NOTCHES, RATE),
        5: lambda wave, seed: program.ISD_additive_noise(convolutive(wave, seed), 10, 2),
    }


def ours(algorithm: int) -> Work:
    """An algorithm of ours, of a crop, with the ranges of the preset."""
    tree = presets.read(PRESET)["systems"][SYSTEM]["objective"]["augmentation"]["rawboost"]
    settings = params.bind(RawBoost, tree | {"algorithm": algorithm}, PRESET)
    return lambda wave, seed: rawboost(wave, RATE, settings, np.random.default_rng(seed))


def augmenting(settings: Augmentation) -> Work:
    """Augmentation as the loader does it: 16-bit samples to 16-bit samples."""
    augmenter = Augmenter(settings)
    return lambda wave, seed: augmenter(np.int16(wave * 20000), partial(streams.generator, seed, "benchmark"))


def write_sounds(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, seconds in (("rooms", 1), ("noises", 30)):
        (folder / name).mkdir()
        for k in range(20):
            wave = 0.1 * rng.standard_normal(seconds * RATE)
            soundfile.write(folder / name / f"{k}.wav", wave, RATE)


def measure(work: Mapping[str, Work], waves: list[np.ndarray], rounds: int) -> dict[str, list[float]]:
    """Milliseconds a crop: a median of each round, in which all take turns."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds):
        for name, step in work.items():
            seconds = []
            for k, wave in enumerate(waves):
                start = time.perf_counter()
                step(wave, number * len(waves) + k)
                seconds.append(time.perf_counter() - start)
            found[name].append(1000 * statistics.median(seconds))
    return found


def main() -> None:
    """Print a line for each kind: the median over rounds and their range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crops", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    swell = 1 + np.sin(np.arange(CROP) / 3000)
    waves = [np.float32(0.1 * swell * rng.standard_normal(CROP)) for _ in range(arguments.crops)]
    work = {f"rawboost {algorithm}": ours(algorithm) for algorithm in (1, 2, 3, 5)}
    if arguments.official is not None:
        work |= {f"official {algorithm}": step for algorithm, step in official(arguments.official).items()}
    with tempfile.TemporaryDirectory() as folder:
        write_sounds(Path(folder))
        os.environ["VOXDAG_CORPORA"] = folder
        noises = {name: Kind("noises", (5.0, 15.0), files) for name, files in (("one", (1, 1)), ("babble", (3, 7)))}
        work |= {f"noise, {name}": augmenting(Augmentation(noise=Noise(1.0, {name: noises[name]}))) for name in noises}
        for name, place in (("of a folder", "rooms"), ("drawn", None)):
            work[f"reverberation, {name}"] = augmenting(Augmentation(reverberation=Reverberation(1.0, place)))
        for name, found in measure(work, waves, arguments.rounds).items():
            print(f"{name:30} {statistics.median(found):7.2f} ms a crop ({min(found):.2f}-{max(found):.2f})")


if __name__ == "__main__":
    main()
