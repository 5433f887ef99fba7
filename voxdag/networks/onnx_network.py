"""A network in an ONNX file, run by onnxruntime on processors in the place of the network that it was made of.

The file takes what the network takes (see models/__init__.py), for any number of recordings at once, and gives its
logits, or an enhancer's waves. Its metadata say what is not in the graph: `takes`; `length`, where what goes in is
always to have so many samples or frames, with zeros behind a recording; `along`, whether what comes out has as many;
and the task's `buffers` (a temperature, statistics of features).
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from voxdag.core.errors import Refused

TAKES, LENGTH, ALONG, BUFFERS = "takes", "length", "along", "buffers"  # keys of the metadata
INPUTS = {"wave": ("wave",), "waves": ("waves", "lengths"), "features": ("features", "frames")}  # names, by TAKES
OUTPUT = "output"
ERRORS = 3  # of the levels that onnxruntime logs


def read(path: Path, buffers: Mapping[str, Tensor]) -> ONNXNetwork:
    """The network in a file. Raises Refused as `of_bytes` does."""
    return of_bytes(path.read_bytes(), buffers, str(path))


def of_bytes(content: bytes, buffers: Mapping[str, Tensor], where: str) -> ONNXNetwork:
    """The network in a file's bytes. buffers: the task's, with the types that they have; where: the file, for messages.

    Raises Refused for what is no ONNX, or not one of ours; and where onnxruntime is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise Refused("onnxruntime is not installed, which runs ONNX files: pip install onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = ERRORS
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        said = session.get_modelmeta().custom_metadata_map
        held = {name: json.loads(said[name]) for name in (TAKES, LENGTH, ALONG, BUFFERS)}
        values = {name: torch.tensor(held[BUFFERS][name], dtype=value.dtype) for name, value in buffers.items()}
    except Exception as reason:  # of onnxruntime's own classes, or of what it read
        line = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
        raise Refused(f"{where} is no network that `voxdag.bundle` exported ({line})") from None
    return ONNXNetwork(session, held[TAKES], held[LENGTH], held[ALONG], values).eval()


def takes(network: nn.Module) -> str:
    """What a network is given, one of INPUTS. Raises Refused for one that says nothing of it, or something else."""
    said = getattr(network, "TAKES", None)
    if said not in INPUTS:
        raise Refused(f"{type(network).__name__} takes {said}; expected one of {', '.join(INPUTS)}")
    return said


class ONNXNetwork(nn.Module):
    """Looks like the network whose file it runs: TAKES, its task's buffers, and a forward on tensors."""

    def __init__(self, session: Any, takes: str, length: int | None, along: bool, buffers: Mapping[str, Tensor]):
        super().__init__()
        self.TAKES, self._session, self.length, self._along = takes, session, length, along
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What TAKES says -> (B, outputs), or waves (B, N)."""
        first, *lengths = inputs
        given = [self._padded(first), *lengths]
        named = {name: _array(value) for name, value in zip(INPUTS[self.TAKES], given, strict=True)}
        made = torch.from_numpy(self._session.run([OUTPUT], named)[0])
        return made[..., : first.shape[-1]] if self._along else made

    def _padded(self, values: Tensor) -> Tensor:
        """Zeros behind, up to the length that the file takes. Raises ValueError for a longer one."""
        if self.length is None:
            return values
        if values.shape[-1] > self.length:
            raise ValueError(f"{INPUTS[self.TAKES][0]} of {values.shape[-1]}, the ONNX file takes up to {self.length}")
        return nn.functional.pad(values, (0, self.length - values.shape[-1]))


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
