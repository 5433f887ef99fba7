"""A causal enhancer hop by hop: its step written as an ONNX file, which runs without torch, and read back.

A step takes a hop of samples (1, hop) and what is carried, and gives a hop of enhanced samples, `delay` samples late,
and what is carried on (models/bsrnn_stream.py). The file says so itself: its inputs are samples and carried_0,
carried_1, ..., all zeros at first; its outputs enhanced and carries_0, ...; its metadata has rate (Hz), hop, delay.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.bsrnn import BSRNN, CONFIGS, RATE
from models.bsrnn_stream import BSRNNStream
from voxdag.core import artifacts
from voxdag.core.errors import Refused

PACKAGES = ("onnx", "onnxscript", "onnxruntime")  # pip install "voxdag[export]"
ERRORS = 3  # of the levels that onnxruntime logs
SAMPLES, ENHANCED = "samples", "enhanced"

Step = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]  # hop and what is carried -> the same


@dataclass(frozen=True)
class Streamed:
    """A step with what it needs to be run.

    start: what is carried before the first step; hop, delay: in samples
    """

    step: Step
    start: tuple[np.ndarray, ...]
    hop: int
    delay: int

    @property
    def latency(self) -> float:
        """Seconds from the first sample of a hop to the same sample enhanced, computing apart: hop and delay."""
        return (self.hop + self.delay) / RATE

    def steps(self, wave: np.ndarray) -> Iterator[Sequence[np.ndarray]]:
        """What each step gives: of (n,) float32 and `delay` zeros behind it, in hops."""
        carried: Sequence[np.ndarray] = self.start
        padded = np.pad(wave, (0, self.delay + -len(wave) % self.hop)).astype(np.float32)
        for hop in padded.reshape(-1, 1, self.hop):
            given = self.step([hop, *carried])
            carried = given[1:]
            yield given

    def enhanced(self, wave: np.ndarray) -> np.ndarray:
        """(n,) -> (n,)."""
        made = np.concatenate([given[0][0] for given in self.steps(wave)])
        return made[self.delay :][: len(wave)]

    def real_time_factor(self, steps: int = 200, rounds: int = 5) -> float:
        """Seconds of a processor's time per second of audio: the fastest of some rounds of steps."""
        wave = np.zeros(steps * self.hop - self.delay, np.float32)
        seconds = []
        for _ in range(rounds):
            begin = time.process_time()
            for _ in self.steps(wave):
                pass
            seconds.append(time.process_time() - begin)
        return min(seconds) / (steps * self.hop / RATE)


def stream_of(network: torch.nn.Module) -> BSRNNStream:
    """The step of a causal BSRNN of one output. Raises Refused for any other network."""
    if not isinstance(network, BSRNN):
        raise Refused(f"{type(network).__name__} has no step of a hop: expected a causal BSRNN")
    try:
        return BSRNNStream(network).eval()
    except ValueError as reason:
        sizes = ", ".join(name for name, config in CONFIGS.items() if config.causal)
        raise Refused(f"the network cannot run hop by hop: {reason}; the causal sizes are {sizes}") from None


def in_torch(stream: BSRNNStream) -> Streamed:
    """The step as torch runs it."""

    @torch.inference_mode()
    def step(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [part.numpy() for part in stream(*map(torch.from_numpy, inputs))]

    return Streamed(step, tuple(part.numpy() for part in stream.start()), stream.hop, stream.delay)


def in_onnx(path: Path) -> Streamed:
    """The step as a file says it, on one thread of onnxruntime. Raises Refused where that is not installed."""
    check_installed()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS  # it warns of shapes that the exporter left open
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    start = tuple(np.zeros(one.shape, np.float32) for one in session.get_inputs()[1:])
    said = session.get_modelmeta().custom_metadata_map

    def step(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return session.run(None, dict(zip(names, inputs, strict=True)))

    return Streamed(step, start, int(said["hop"]), int(said["delay"]))


def export(stream: BSRNNStream, path: Path) -> None:
    """Write the step of one recording as an ONNX file, whole. Raises Refused where what it takes is not installed."""
    check_installed()
    from voxdag.networks.onnx_writing import OPSET, bare, quiet

    carried = stream.start()
    inputs = [SAMPLES, *(f"carried_{i}" for i in range(len(carried)))]
    outputs = [ENHANCED, *(f"carries_{i}" for i in range(len(carried)))]
    example = (torch.zeros(1, stream.hop), *carried)
    with quiet():
        program = torch.onnx.export(
            stream, example, input_names=inputs, output_names=outputs, dynamo=True, opset_version=OPSET, verbose=False
        )
        program.optimize()  # type: ignore[union-attr]
    said = {"rate": RATE, "hop": stream.hop, "delay": stream.delay}
    program.model.metadata_props.update({name: str(value) for name, value in said.items()})  # type: ignore[union-attr]
    artifacts.write_bytes(path, bare(program.model_proto))  # type: ignore[union-attr]


def differences(one: Streamed, other: Streamed, wave: np.ndarray) -> np.ndarray:
    """(steps,): the largest difference of two forms of a step in anything that each step gives."""
    pairs = zip(one.steps(wave), other.steps(wave), strict=True)
    return np.array([max(float(np.abs(a - b).max()) for a, b in zip(*pair, strict=True)) for pair in pairs])


def check_installed() -> None:
    """Raises Refused where a package of the group `export` is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise Refused(f'not installed: {", ".join(missing)}; pip install "voxdag[export]" or what it names')
