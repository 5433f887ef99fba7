"""Any network as an ONNX file that `onnx_network` runs, and onnxruntime anywhere.

What it takes has as many recordings as one likes, and as many samples or frames: crops excepted, which are of one
length. Where a network cannot be written so, or says something else then (integers are rounded otherwise in ONNX), what
goes in has a fixed length, with zeros behind a recording: padding has no effect on what networks say
(models/__init__.py). That is for networks that are given no more than some length.
"""

from __future__ import annotations

import copy
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from models.bsrnn import BSRNN
from models.tier1 import Tier1
from voxdag.core.errors import Refused
from voxdag.networks import onnx_network
from voxdag.networks.onnx_network import ALONG, BUFFERS, INPUTS, LENGTH, OUTPUT, TAKES, takes
from voxdag.networks.onnx_writing import OPSET, bare, quiet

BATCH = Dim("batch", min=1, max=1 << 16)
LONG = {"features": Dim("frames", min=16, max=1 << 20), "waves": Dim("length", min=64, max=1 << 24)}
CLOSE = 1e-4  # of outputs
LIMIT = 2 << 30  # bytes of a file: protobuf's
REASONS = {  # class of what the exporter raises (by name: they lie in places that torch moves) -> it in words
    "GuardOnDataDependentSymNode": "what it does depends on the values of what goes in",
    "UserError": "lengths of what goes in are bound in a way that it cannot keep free",
    "ConstraintViolationError": "lengths of what goes in are bound in a way that it cannot keep free",
    "Unsupported": "it has a step that cannot be followed",
    "DispatchError": "it has an operator that ONNX has no form of",
    "UnsupportedOperatorError": "it has an operator that ONNX has no form of",
    "MemoryError": "the memory was not enough",
    "Exception": "the exporter fails at it",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Input:
    """What a network is given.

    rows    of features; 1 of waves
    length  samples, or frames, of a recording; of crops, of each
    bounded whether none is longer
    """

    rows: int
    length: int
    bounded: bool = True


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


class LSTM(nn.Module):
    """A layer of an LSTM in one direction as ONNX's own operator, which the exporter takes at any length; its own
    writing of torch's fails where the length is no plain number of what goes in, as behind a stride."""

    def __init__(self, of: nn.LSTM):
        super().__init__()
        self.hidden = of.hidden_size
        given, recurrent, *biases = map(_gates, of.all_weights[0])
        self.given = nn.Parameter(given[None], False)  # (1, 4 H, I)
        self.recurrent = nn.Parameter(recurrent[None], False)  # (1, 4 H, H)
        self.bias = nn.Parameter(torch.cat(biases)[None], False)  # (1, 8 H)

    def forward(self, sequence: Tensor) -> tuple[Tensor, None]:
        """(B, T, I) -> (B, T, H), and no state."""
        steps = sequence.transpose(0, 1)
        tensors = [steps, self.given, self.recurrent, self.bias]
        shape = [steps.shape[0], 1, steps.shape[1], self.hidden]
        made = torch.onnx.ops.symbolic("LSTM", tensors, {"hidden_size": self.hidden}, dtype=steps.dtype, shape=shape)
        return made[:, 0].transpose(0, 1), None


def _gates(tensor: Tensor) -> Tensor:
    """Of torch's order (input, forget, cell, output) in ONNX's (input, output, forget, cell)."""
    given, forgotten, cell, output = tensor.detach().chunk(4)
    return torch.cat([given, output, forgotten, cell])


def _masked(network: nn.Module) -> nn.Module:
    taken = copy.copy(network)
    taken.__class__ = Masked
    return taken


def _with_lstm(network: nn.Module) -> nn.Module:
    taken = copy.deepcopy(network)
    for module in list(taken.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LSTM):
                setattr(module, name, LSTM(child))
    return taken


FORMS: Mapping[type[nn.Module], Callable[[nn.Module], nn.Module]] = {BSRNN: _masked, Tier1: _with_lstm}


def form(network: nn.Module) -> nn.Module:
    """The network as the exporter takes it, with the same weights."""
    return FORMS.get(type(network), lambda same: same)(network)


def exported(network: nn.Module, taken: Input, buffers: Mapping[str, Tensor]) -> bytes:
    """The network as an ONNX file: the same bytes every time.

    Raises Refused for one that it cannot write, or writes as another function, in words that are the same every time;
    what the exporter itself says, in an order and with names that are not, is logged.
    """
    if takes(network) != "wave":
        try:
            return _checked(network, taken, buffers, fixed=False)
        except Refused:
            if not taken.bounded:
                raise
    return _checked(network, taken, buffers, fixed=True)


def _checked(network: nn.Module, taken: Input, buffers: Mapping[str, Tensor], fixed: bool) -> bytes:
    """fixed: what goes in always has the length of `taken`."""
    name = type(network).__name__
    try:
        model = _model(network, taken, fixed)
    except Exception as reason:  # the exporter's own, of many classes
        log.info("torch.onnx, of %s: %s", name, _line(reason))
        raise Refused(f"torch.onnx cannot write {name}: {_in_words(reason)}") from None
    values = {name: getattr(network, name).tolist() for name in buffers}
    length = taken.length if fixed and takes(network) != "wave" else None
    said = {TAKES: takes(network), LENGTH: length, ALONG: _is_along(network, taken), BUFFERS: values}
    onnx.helper.set_model_props(model, {key: json.dumps(value, sort_keys=True) for key, value in said.items()})
    if model.ByteSize() >= LIMIT:
        raise Refused(f"{name}, of {model.ByteSize() >> 20} MB, is too large for one ONNX file: 2048 at most")
    content = bare(model)
    if not (found := _difference(network, content, taken, fixed)) <= CLOSE:
        log.info("torch.onnx, of %s: outputs differ by %.2g", name, found)
        raise Refused(f"torch.onnx writes {name} as another function: outputs differ by more than {CLOSE:g}")
    return content


@torch.inference_mode()
def _difference(network: nn.Module, content: bytes, taken: Input, fixed: bool) -> float:
    """The largest one of any output, of recordings of other numbers and lengths than the exporter saw."""
    other, length = onnx_network.of_bytes(content, {}, "the file"), taken.length
    if takes(network) == "wave":
        batches = [[length], [length] * 3]
    else:
        batches = [[length], [length * 4 // 5 - 1, length // 3 + 1, length // 2], [length // 2 + 1]]
        batches += [] if fixed or taken.bounded else [[2 * length + 1, length]]
    given = [_inputs(network, taken, lengths) for lengths in batches]
    pairs = [(Output(network)(*inputs), other(*inputs)) for inputs in given]
    return max(float((one - two).abs().max()) if one.shape == two.shape else math.inf for one, two in pairs)


def _inputs(network: nn.Module, taken: Input, lengths: list[int]) -> tuple[Tensor, ...]:
    """Noise in the form that a network takes, with recordings of these lengths."""
    shape = (len(lengths), *([taken.rows] if takes(network) == "features" else []), max(lengths))
    noise = 0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(len(lengths)))
    return (noise,) if takes(network) == "wave" else (noise, torch.tensor(lengths))


@torch.inference_mode()
def _is_along(network: nn.Module, taken: Input) -> bool:
    """Whether what comes out has as many samples as what goes in."""
    if takes(network) != "waves":
        return False
    return Output(network)(*_inputs(network, taken, [taken.length])).shape[-1] == taken.length


def _model(network: nn.Module, taken: Input, fixed: bool) -> onnx.ModelProto:
    given = takes(network)
    shorter = taken.length if given == "wave" else taken.length * 3 // 4
    example = _inputs(network, taken, [taken.length, shorter])  # of one alone the exporter takes the number for fixed
    longer = {0: BATCH} if fixed else {0: BATCH, example[0].ndim - 1: LONG[given]}
    dynamic = [longer, {0: BATCH}][: len(example)]
    with quiet():
        program = torch.onnx.export(
            Output(form(network)).eval(), example, input_names=list(INPUTS[given]), output_names=[OUTPUT], dynamo=True,
            opset_version=OPSET, verbose=False, dynamic_shapes=(tuple(dynamic),),
        )  # fmt: skip
        program.optimize()  # type: ignore[union-attr]
    return program.model_proto  # type: ignore[union-attr]


def _in_words(reason: BaseException) -> str:
    """What kind of reason it was: the exporter's own text may hold sets, addresses and names that it made up."""
    names = {kind.__name__ for kind in type(_cause(reason)).__mro__}
    return next((words for name, words in REASONS.items() if name in names), REASONS["Exception"])


def _cause(reason: BaseException) -> BaseException:
    """What was the cause of all that the exporter says."""
    while reason.__cause__ is not None:
        reason = reason.__cause__
    return reason


def _line(reason: BaseException) -> str:
    """The exporter's own text, in a line."""
    line = (str(_cause(reason)).strip().splitlines() or [""])[0]
    return f"{type(_cause(reason)).__name__}: {line[:300]}"
