"""Weights on disk: ours are safetensors that name their network; others are read as plain tensors, never unpickled."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from voxdag.core import artifacts
from voxdag.core.errors import NotHere, Refused

METADATA = "voxdag"  # one key, since safetensors writes several in no fixed order


def write_weights(path: Path, network: nn.Module, about: Mapping[str, object]) -> None:
    """Write the network's state dict as safetensors, with `about` (network, config, ...) in its header."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    artifacts.write_bytes(path, save(tensors, metadata={METADATA: json.dumps(dict(about), sort_keys=True)}))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """(state dict, what the header says of it) of a safetensors file or of a torch checkpoint of plain tensors.

    A checkpoint that wraps its state dict under "state_dict", "model_state_dict" or "model", or whose names start with
    "module." (DataParallel), is unwrapped. Raises NotHere, or ValueError for a file that is neither; a
    pickle that holds anything but tensors is refused without being run.
    """
    path = Path(path)
    if not path.is_file():
        raise NotHere(f"no weights at {path}")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).split("\n")[0].split(". ")[0]
        raise Refused(f"{path} is refused: not a checkpoint of plain tensors ({reason})") from None
    return _unwrap(content, path), {}


def load(network: nn.Module, path: Path) -> dict[str, object]:
    """Load a file's weights into `network`, every name and shape checked; gives what its header says.

    Raises Refused naming what is missing, what is unknown and whose shape differs.
    """
    tensors, about = read_weights(path)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    problems = {
        "missing": [name for name in expected if name not in tensors],
        "unknown": [name for name in tensors if name not in expected],
        "of another shape": [n for n, t in tensors.items() if n in expected and tuple(t.shape) != expected[n]],
    }
    found = [f"{len(names)} {kind} (such as {names[0]})" for kind, names in problems.items() if names]
    if found:
        raise Refused(f"{path} is of another architecture: tensors {', '.join(found)}; expected {len(expected)} in all")
    network.load_state_dict(tensors)
    return about


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(METADATA, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise Refused(f"{path} is not a safetensors file: {error}") from None


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise Refused(f"{path} holds {type(content).__name__}, expected a mapping from names to tensors")
    return {name.removeprefix("module."): value for name, value in content.items()}
