"""Time the emotion recogniser: the network alone or against the reference program, and scoring files from end to end.

Usage:  python -m benchmarks.emotion_speed [--official FOLDER] [--config tier1] [--batch 16] [--rounds 5] [--threads 1]
        [--device cpu]
        python -m benchmarks.emotion_speed --files FOLDER [--config tier1_2d] [--threads 1]

FOLDER of --official is a checkout of github.com/kananmittal/Unitree-bot, branch feature/ser-improvements. The two take
turns, each in its own process, on features of 250 frames; a training step is forward, cross entropy, backward, AdamW.
With --files every audio file of a folder is decoded, cut by voice activity detection, turned into features and scored;
the figure is seconds of audio, as recorded, per second.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks import side_by_side
from models.tier1 import CONFIGS, build
from voxdag.audio.decode import decode
from voxdag.core import params
from voxdag.core.allocator import keep_large_blocks
from voxdag.corpora import listing
from voxdag.data.recordings import Features, through_front_end
from voxdag.networks import by_name
from voxdag.tasks.emotion import inference

FRAMES = 250  # 2.5 s
CLASSES = 8  # the reference's


def reference(folder: Path) -> nn.Module:
    spec = importlib.util.spec_from_file_location("reference_tier1", folder / "ser" / "tier1_model.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program.SER_Tier1(n_mfcc=40, num_classes=CLASSES)


def make(official: Path | None, config: str, batch: int, threads: int, device: str) -> side_by_side.Steps:
    """The steps of one side, ours with `keep_large_blocks`."""
    torch.set_num_threads(threads)
    if official is None:
        keep_large_blocks()
    network = (build(CONFIGS[config], CLASSES) if official is None else reference(official)).to(device)
    rows = CONFIGS[config].rows if official is None else 40
    features = torch.randn(batch, rows, FRAMES, device=device)
    frames = torch.full((batch,), FRAMES, device=device)
    labels = torch.arange(batch, device=device) % CLASSES
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def logits() -> torch.Tensor:
        return network(features, frames) if official is None else network(features)["logits"]

    return side_by_side.steps(network, optimizer, logits, lambda: nn.functional.cross_entropy(logits(), labels))


def files(folder: Path, config: str, threads: int) -> str:
    """Seconds of audio per second, from file to probabilities, and the share of each part."""
    torch.set_num_threads(threads)
    tree = params.read()
    features = params.bind(Features, params.task(tree, "emotion").features, "tasks.emotion.features")
    settings = params.bind(inference.Settings, params.system(tree, "tier1").inference, "systems.tier1.inference")
    network = by_name.build("tier1", config, {}, inference.OUTPUT_SIZE, inference.BUFFERS).eval()
    paths, _ = listing.audio_in(folder)
    through_front_end(decode(paths[0], features.decoding), features)  # loads the voice activity detector
    start = time.perf_counter()
    decoded = [decode(path, features.decoding) for path in paths]
    read = time.perf_counter()
    recordings = [through_front_end(audio, features).samples for audio in decoded]
    cut = time.perf_counter()
    inference.outputs(network, recordings, settings, torch.device("cpu"))
    end = time.perf_counter()
    seconds = sum(len(audio.samples) for audio in decoded) / features.decoding.rate
    parts = {"decoding": read - start, "front end": cut - read, "features and network": end - cut}
    shares = ", ".join(f"{name} {value:.2f} s" for name, value in parts.items())
    return f"{len(paths)} files, {seconds:.0f} s of audio: {seconds / (end - start):.0f} times real time ({shares})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--official", type=Path, help="a checkout of the reference program")
    parser.add_argument("--files", type=Path, help="a folder of audio to score")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="tier1")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if arguments.files:
        print(files(arguments.files, arguments.config, arguments.threads))
        return
    sides = {"ours": None} | ({"official": arguments.official} if arguments.official else {})
    settings = (arguments.config, arguments.batch, arguments.threads, arguments.device)
    made = {side: (make, (folder, *settings)) for side, folder in sides.items()}
    results = side_by_side.measure(made, arguments.rounds)
    print("\n".join(side_by_side.report(results, arguments.batch, "utterance", lambda step, seconds: "")))


if __name__ == "__main__":
    main()
