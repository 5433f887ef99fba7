"""How a bundle is used, as its README.md says it: from its own folder, by what lies in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voxdag.reporting import markdown

INSTALLED = "onnxruntime"  # all that an ONNX file needs


@dataclass(frozen=True)
class Packed:
    """What a bundle holds.

    version  of the program     result  where an answer goes     says  what a network's outputs are
    members  names              onnx    what bundle.json says of ONNX files
    """

    version: str
    result: str
    members: Sequence[str]
    onnx: Mapping[str, Any]
    says: str


def paragraphs(packed: Packed) -> Iterator[str]:
    """In Markdown."""
    yield (
        f"voxdag {packed.version}, which made this bundle, or a newer one is installed from a clone of its repository "
        "(Python 3.11 or newer); the bundle needs nothing else of it:"
    )
    yield markdown.fenced("pip install .", "sh")
    yield "Then, from the folder in which this file lies (or with its `.zip` in the place of the dot):"
    yield markdown.fenced(f"python -m voxdag.predict --bundle . FILE {packed.result}", "sh")
    yield (
        "FILE: a recording or a folder of them, as many as one likes. `bundle.json` says what is in the bundle, with "
        "the SHA-256 of each file, and each is held against it first."
    )
    yield "### ONNX"
    yield from _onnx(packed)


def _onnx(packed: Packed) -> Iterator[str]:
    if "reason" in packed.onnx:
        yield f"There is no ONNX file of the whole network. {_sentence(markdown.text(packed.onnx['reason']))}"
    else:
        yield from _files(packed)
    if "step" in packed.onnx:
        step = packed.onnx["step"]
        yield (
            f"`onnx/<member>_step.onnx` takes one hop of a stream: {step['hop']} samples at {step['rate']} Hz and the "
            f"state that the hop before gave; what comes out is {step['latency_ms']:g} ms behind."
        )


def _files(packed: Packed) -> Iterator[str]:
    about = packed.onnx
    names = ", ".join(f"`onnx/{name}.onnx`" for name in packed.members)
    many = " One a training: what all say is the mean of what each says." if len(packed.members) > 1 else ""
    yield f"{names}: what a network computes, for {INSTALLED} alone, without torch and voxdag.{many}"
    lines = [f"goes in as `{name}`: {words}" for name, words in about["inputs"].items()]
    lines.append(f"how long: {about['length']}")
    lines.append(f"comes out as `output`: {about['output']}{f'; {packed.says}' if packed.says else ''}")
    parity = about["parity"]
    lines.append(
        f"it differs from torch by {parity['largest_difference']:g} at most, measured with {parity['compared_with']}"
    )
    yield "\n".join(f"- {line}" for line in lines)
    yield "With voxdag installed the same command takes them, decoding and all: " + (
        f"`python -m voxdag.predict --bundle . --onnx FILE {packed.result}`."
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
