"""Any network as an ONNX file that `onnx_network` runs, and onnxruntime anywhere.

What it takes has as many recordings as one likes, and as many samples or frames: crops excepted, which are of one
length. Where a network cannot be written so (its graph depends on the length), features have a fixed number of frames,
with zeros behind a recording: padding has no effect on what networks say (models/__init__.py).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from models.bsrnn import BSRNN
from voxdag.core.errors import Refused
from voxdag.networks.onnx_network import BUFFERS, FRAMES, INPUTS, OUTPUT, TAKES
from voxdag.networks.onnx_writing import OPSET, bare, quiet

BATCH, LENGTH = Dim("batch", min=1, max=1 << 16), Dim("length", min=1 << 6, max=1 << 24)
EXAMPLES = 2  # recordings: of one alone the exporter takes the number for fixed
LIMIT = 2 << 30  # bytes of a file: protobuf's


@dataclass(frozen=True)
class Input:
    """What a network is given.

    rows    of features; 1 of waves
    length  samples, or frames, of the longest recording that is asked about; of crops, of each
    """

    rows: int
    length: int


class Output(nn.Module):
    """A network of which the embedding is left away."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """As the network's; logits, or waves."""
        given = self.network(*inputs)
        return given[-1] if isinstance(given, tuple) else given


class Masked(BSRNN):
    """A BSRNN that the exporter can follow: which frames hold something is always said, not only where some do not."""

    def valid(self, lengths: Tensor, frames: int) -> Tensor:
        """(T, B)."""
        return torch.arange(frames, device=lengths.device)[:, None] < self.stft.frames(lengths)


FORMS: Mapping[type[nn.Module], type[nn.Module]] = {BSRNN: Masked}  # network -> the same as the exporter takes it


def form(network: nn.Module) -> nn.Module:
    """The network as the exporter takes it, with the same weights."""
    if type(network) not in FORMS:
        return network
    taken = copy.copy(network)
    taken.__class__ = FORMS[type(network)]
    return taken


def exported(network: nn.Module, taken: Input, buffers: Mapping[str, Tensor]) -> bytes:
    """The network as an ONNX file: the same bytes every time.

    Raises Refused, with what the exporter says, for one that it cannot write.
    """
    takes = getattr(network, "TAKES", None)
    if takes not in INPUTS:
        raise Refused(f"{type(network).__name__} takes {takes}; expected one of {', '.join(INPUTS)}")
    frames = None
    try:
        model = _model(network, takes, taken, fixed=takes == "wave")
    except Exception as reason:  # the exporter's own, of many classes
        if takes != "features":
            raise _refusal(network, reason) from None
        frames = taken.length
        try:
            model = _model(network, takes, taken, fixed=True)
        except Exception as again:
            raise _refusal(network, again) from None
    values = {name: getattr(network, name).tolist() for name in buffers}
    said = {TAKES: takes, FRAMES: frames, BUFFERS: values}
    onnx.helper.set_model_props(model, {name: json.dumps(value, sort_keys=True) for name, value in said.items()})
    if model.ByteSize() >= LIMIT:
        raise Refused(f"the network of {model.ByteSize() >> 20} MB is too large for one ONNX file, of 2048 at most")
    return bare(model)


def _model(network: nn.Module, takes: str, taken: Input, fixed: bool) -> onnx.ModelProto:
    """fixed: the length is always that of `taken`."""
    shape = (EXAMPLES, taken.length) if takes != "features" else (EXAMPLES, taken.rows, taken.length)
    longer = {0: BATCH} if fixed else {0: BATCH, len(shape) - 1: LENGTH}
    example = [0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(0))]
    dynamic = [longer]
    if takes != "wave":
        example.append(torch.tensor([taken.length, max(1, taken.length * 3 // 4)]))
        dynamic.append({0: BATCH})
    names = {"input_names": list(INPUTS[takes]), "output_names": [OUTPUT]}
    with quiet():
        program = torch.onnx.export(
            Output(form(network)).eval(), tuple(example), dynamo=True, opset_version=OPSET, verbose=False,
            dynamic_shapes=(tuple(dynamic),), **names,
        )  # fmt: skip
        program.optimize()  # type: ignore[union-attr]
    return program.model_proto  # type: ignore[union-attr]


def _refusal(network: nn.Module, reason: Exception) -> Refused:
    cause = reason
    while cause.__cause__ is not None:
        cause = cause.__cause__
    line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return Refused(f"torch.onnx cannot write {type(network).__name__}: {type(cause).__name__}: {line[:300]}")
