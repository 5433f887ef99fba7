"""Write a causal enhancer as an ONNX file that runs hop by hop without torch, and say how fast it is and how late.

Usage:  python -m voxdag.export --system bsrnn OUT.onnx                  the system's first member, or --member's
        python -m voxdag.export --weights last.safetensors OUT.onnx      weights of ours, without params.yaml
Reads:  data/checkpoints/<system>/<member>/, params.yaml; or the weights file
Writes: OUT.onnx                    a step: what goes in and comes out is in voxdag/networks/streaming.py
Prints: JSON: weights               the file, and the first digits of its SHA-256
              parameters
              latency_ms            until the first sample of a hop is there, enhanced, if computing took no time
              steps, difference     how many steps were compared with torch, and the largest difference in any of their
                                    outputs and states
              rtf_whole, rtf_torch, rtf_onnx   seconds of one processor per second of audio: a whole recording in torch,
                                    and steps in torch and in ONNX
The file is not written where an output differs from torch's by more than 1e-5. Needs the packages of the group
`export`: pip install "voxdag[export]".
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.bsrnn import BSRNN, RATE
from voxdag.core import artifacts, command, streams
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.networks import by_name, streaming
from voxdag.networks.weights import digest
from voxdag.tasks import sources

TOLERANCE = 1e-5  # of any output or state, full scale 1
SECONDS = 4.0  # of the signal that is compared
LEVELS = (0.5, 0.001)  # of the signal, from its start to its end
ROUNDS = 5


def compared() -> np.ndarray:
    """(n,) float32: noise whose level falls, so that loud and quiet frames are compared."""
    samples = round(SECONDS * RATE)
    noise = streams.generator(0, "export").normal(size=samples)
    return (noise / 4 * np.geomspace(*LEVELS, samples)).astype(np.float32)


def whole_factor(network: BSRNN, wave: np.ndarray) -> float:
    """Seconds of one processor per second of audio, of the whole wave at once: the fastest of some rounds."""
    batch, lengths, seconds = torch.from_numpy(wave)[None], torch.tensor([len(wave)]), []
    with torch.inference_mode():
        for _ in range(ROUNDS):
            begin = time.process_time()
            network(batch, lengths)
            seconds.append(time.process_time() - begin)
    return min(seconds) * RATE / len(wave)


def write(weights: Path, words: Sequence, out: Path, buffers: dict) -> dict:
    """Export the network of a weights file; gives what is printed. Raises Refused where ONNX differs from torch."""
    torch.set_num_threads(1)
    architecture, config, changes = words
    network: Any = by_name.restore(weights, architecture, config, changes, 1, buffers).eval()
    stream, wave = streaming.stream_of(network), compared()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        streaming.export(stream, made)
        in_torch, in_onnx = streaming.in_torch(stream), streaming.in_onnx(made)
        differences = streaming.differences(in_torch, in_onnx, wave)
        if not differences.max() <= TOLERANCE:
            raise Refused(
                f"{out} is not written: step {differences.argmax()} differs from torch by {differences.max():.2g}, "
                f"more than {TOLERANCE}"
            )
        artifacts.write_bytes(out, made.read_bytes())
    factors = (whole_factor(network, wave), in_torch.real_time_factor(), in_onnx.real_time_factor())
    return {
        "weights": f"{weights} {digest(weights)}",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "latency_ms": 1000 * in_torch.latency,
        "steps": len(differences),
        "difference": float(differences.max()),
        **{f"rtf_{name}": round(factor, 4) for name, factor in zip(("whole", "torch", "onnx"), factors, strict=True)},
    }


def run(arguments: argparse.Namespace) -> None:
    """Export what the command line names. Raises Refused where it names no network, or two."""
    if (arguments.system is None) == (arguments.weights is None):
        raise Refused("expected --system or --weights, one of them")
    if arguments.weights is not None and arguments.member is not None:
        raise Refused(f"--member {arguments.member} is of a system, and --weights {arguments.weights} is a file")
    if arguments.out.suffix.lower() != ".onnx":
        raise Refused(f"OUT is {arguments.out}: expected a name that ends in .onnx")
    streaming.check_installed()
    if arguments.weights is not None:
        found = sources.of_header(arguments.weights)
    else:
        found = sources.of_system(arguments.system, arguments.member)
    inference = load_module("voxdag.tasks.{task}.inference", task=found.scoring.task)
    if not hasattr(inference, "enhance"):
        raise Refused(f"{found.name} enhances nothing, it is of the task {found.scoring.task}: expected an enhancer")
    print(json.dumps(write(found.files[0], found.words, arguments.out, inference.BUFFERS), indent=2))


def parse(line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.onnx")
    parser.add_argument("--system", help="a system of params.yaml")
    parser.add_argument("--member", help="one training of it, such as seed-1; default: the first")
    parser.add_argument("--weights", type=Path, help="safetensors that training wrote")
    return parser.parse_args(line)


def main() -> None:
    """Read the command line and export."""
    run(parse())


if __name__ == "__main__":
    command.guarded(main)
