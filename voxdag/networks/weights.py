"""Weights on disk: ours are safetensors that name their network; others are read as plain tensors, never unpickled.

The frozen tensors of a network (see `voxdag.networks.frozen`) are not in our files. The header lists them, and names
the base where they are: the weights file that training started from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from voxdag.core import artifacts
from voxdag.core.errors import NotHere, Refused
from voxdag.networks.frozen import frozen_names, trained_state

METADATA = "voxdag"  # one key, since safetensors writes several in no fixed order
DIGITS = 12  # hexadecimal, of a file's hash
SHOWN = 60  # characters of a value in a message


def write_weights(path: Path, network: nn.Module, about: Mapping[str, object]) -> None:
    """Write what is not frozen of the network's state dict as safetensors, with `about` (network, config, ...) in its
    header, and there, under `frozen`, the names of the tensors that are left out.

    Raises Refused as `check_base` does.
    """
    check_base(network, about)
    frozen = frozen_names(network)
    header = dict(about) | ({"frozen": frozen} if frozen else {})
    # a copy of each: safetensors refuses tensors that share memory, as tied weights do
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in trained_state(network).items()
    }
    artifacts.write_bytes(path, save(tensors, metadata={METADATA: json.dumps(header, sort_keys=True)}))


def check_base(network: nn.Module, about: Mapping[str, object]) -> None:
    """Raises Refused if tensors of the network are frozen and `about` names no `base` that has them."""
    frozen = frozen_names(network)
    if frozen and not about.get("base"):
        raise Refused(
            f"{len(frozen)} tensors are frozen (such as {frozen[0]}) and not written into weights files, which must "
            "name their base, the weights file that training starts from"
        )


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(state dict, what the header says of it) of a safetensors file or of a torch checkpoint of plain tensors.

    A checkpoint that wraps its state dict under "state_dict", "model_state_dict" or "model", or whose names start with
    "module." (DataParallel), is unwrapped. Raises NotHere, or Refused for a file that is neither, or whose
    tensors are sparse, quantized or without values; a pickle that holds anything but tensors is refused without being
    run.
    """
    path = Path(path)
    if not path.is_file():
        raise NotHere(f"no weights at {path} (docs/CORPORA.md says where published ones are)")
    with path.open("rb"):
        pass  # who may not read it is told so; what is raised from here on is what is wrong with its contents
    try:
        tensors, about = _read_safetensors(path) if path.suffix == ".safetensors" else (_read_torch(path), {})
    except Refused:
        raise
    except MemoryError:
        raise Refused(f"{path} is refused: it asks for more memory than there is") from None
    except Exception as error:  # a damaged file may raise anything
        reason = f"{type(error).__name__}: {str(error).splitlines()[0].split('. ')[0]}" if str(error) else repr(error)
        kind = "safetensors file" if path.suffix == ".safetensors" else "checkpoint of plain tensors"
        raise Refused(f"{path} is refused: not a {kind} ({reason})") from None
    _check_plain(tensors, path)
    return tensors, about


def digest(path: Path) -> str:
    """The first digits of the SHA-256 of a file. Raises NotHere."""
    if not path.is_file():
        raise NotHere(f"no weights at {path}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def load(network: nn.Module, path: Path, held: Collection[str] = ()) -> dict[str, object]:
    """Load a file's weights into `network`, every name and shape checked; gives what its header says.

    held: names of tensors that the network holds already, and that the file may lack (the frozen ones).

    Raises Refused naming what is missing, what is unknown, whose shape differs and what is not finite.
    """
    tensors, about = read_weights(path)
    base = f"; {len(about['frozen'])} are to come from its base, {about['base']}" if about.get("frozen") else ""
    _set(network, tensors, held, path, base)
    return about


def load_with_base(network: nn.Module, path: Path, find: Callable[[str], Path]) -> dict[str, object]:
    """Load a file's weights into `network`, its frozen tensors from the base that its header names; gives the header.

    find: name of a base -> its file. A file without frozen tensors has no base and is loaded as `load` does.

    Raises Refused as `load` does, and if the base lacks a frozen tensor.
    """
    tensors, about = read_with_base(path, find)
    _set(network, tensors, (), path)
    return about


def read_with_base(
    path: Path, find: Callable[[str], Path], above: tuple[Path, ...] = ()
) -> tuple[dict[str, Tensor], dict[str, object]]:
    """(state dict, header) of a weights file, with its frozen tensors from its base, which may have a base itself.

    above: the files that this one is a base of. Of a base no other tensor is taken. Raises Refused if it lacks one, or
    if a file is its own base.
    """
    if path.resolve() in above:
        raise Refused(f"{path} is a base of itself, expected a file that has the frozen tensors")
    tensors, about = read_weights(path)
    frozen = about.get("frozen", [])
    if not frozen:
        return tensors, about
    base_path = find(str(about["base"]))
    base = read_with_base(base_path, find, (*above, path.resolve()))[0]
    missing = [name for name in frozen if name not in base]
    if missing:
        raise Refused(f"{base_path} is not the base of {path}: it lacks {len(missing)} tensors, such as {missing[0]}")
    return {name: base[name] for name in frozen} | tensors, about


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises Refused, with the file and the first, for tensors with a value that is not finite."""
    wrong = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if wrong:
        raise Refused(f"{path}: {len(wrong)} tensors have values that are not finite, such as {wrong[0]}")


def _set(
    network: nn.Module, tensors: Mapping[str, Tensor], held: Collection[str], path: Path, remark: str = ""
) -> None:
    there = network.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in there.items()}
    kinds = {n: (_kind(t), _kind(there[n])) for n, t in tensors.items() if n in there}
    problems = {
        "missing": [name for name in expected if name not in tensors and name not in held],
        "unknown": [name for name in tensors if name not in expected],
        "of another shape": [n for n, t in tensors.items() if n in expected and tuple(t.shape) != expected[n]],
        "of other numbers": [
            f"{n}: {tensors[n].dtype}, expected {kind}" for n, (found, kind) in kinds.items() if found != kind
        ],
    }
    found = [f"{len(names)} {kind} (such as {names[0]})" for kind, names in problems.items() if names]
    if found:
        raise Refused(
            f"{path} is of another architecture: tensors {', '.join(found)}; expected {len(expected)} in all{remark}"
        )
    check_finite(tensors, path)
    network.load_state_dict(tensors, strict=False)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    with safe_open(path, framework="pt") as file:
        said = (file.metadata() or {}).get(METADATA, "{}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    try:
        about = json.loads(said)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise Refused(f"the header of {path} says {_short(said)} of {METADATA}, expected a JSON object")
    frozen = about.get("frozen", [])
    if not isinstance(frozen, list) or not all(isinstance(name, str) for name in frozen):
        raise Refused(f"the header of {path} says frozen {_short(frozen)}, expected a list of names")
    if frozen and not isinstance(about.get("base"), str):
        raise Refused(
            f"the header of {path} says base {_short(about.get('base'))}, expected the file of what is frozen"
        )
    return tensors, about


def _read_torch(path: Path) -> dict[str, Tensor]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise Refused(f"{path} holds {type(content).__name__}, expected a mapping from names to tensors")
    unnamed = [name for name in content if not isinstance(name, str)]
    if unnamed:
        raise Refused(f"{path} calls a tensor {_short(unnamed[0])}, expected names")
    return {name.removeprefix("module."): value for name, value in content.items()}


def _check_plain(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises Refused for a tensor that does not hold its numbers one by one."""
    for name, tensor in tensors.items():
        if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
            kind = "without values" if tensor.is_meta else "quantized" if tensor.is_quantized else str(tensor.layout)
            raise Refused(f"{path}: {name} is {kind}, expected a plain tensor")


def _kind(tensor: Tensor) -> str:
    """What its numbers are: a tensor of one kind does not stand for one of another."""
    if tensor.dtype == torch.bool:
        return "bool"
    return "complex" if tensor.is_complex() else "float" if tensor.is_floating_point() else "whole"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
