"""What everything that is written as ONNX shares: the version, an exporter that is silent, and nothing of our source in
the file."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import onnx

CHATTY = ("torch.onnx", "onnxscript", "onnx_ir")  # loggers
OPSET = 20

Part = onnx.GraphProto | onnx.FunctionProto | onnx.NodeProto | onnx.TensorProto | onnx.ValueInfoProto  # of a model


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the exporter says: its passes node by node, its own insides, packages that it could know."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def bare(model: onnx.ModelProto) -> bytes:
    """The file of a model without what the exporter writes of our source, such as where it lies: the same bytes for the
    same graph. What the model itself has in its metadata stays."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:  # grows by those within
        _strip(graph)
        for node in graph.node:
            _strip(node)
            graphs.extend(part for attribute in node.attribute for part in _within(attribute))
        for value in (*getattr(graph, "initializer", ()), *graph.value_info, *_values(graph)):
            _strip(value)
    return model.SerializeToString(deterministic=True)


def _strip(part: Part) -> None:
    part.doc_string = ""
    del part.metadata_props[:]


def _values(graph: onnx.GraphProto | onnx.FunctionProto) -> list[onnx.ValueInfoProto]:
    return [*graph.input, *graph.output] if isinstance(graph, onnx.GraphProto) else []


def _within(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
