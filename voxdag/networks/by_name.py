"""Networks by name: a module of `models/` with CONFIGS is a network (see models/__init__.py).

A network is said by four words, which a weights file of ours carries in its header too: which network, its named size
(`config`), what differs from that size (`changes`), and how many outputs. `buffers` are what a task fits after training
(name -> value before it); they are registered beside the network's own and stand in its state dict.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from torch import Tensor, nn

import models
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import weights_folder
from voxdag.networks.weights import load_with_base, read_weights

WORDS = ("network", "config", "changes", "outputs")
TYPES = dict(zip(WORDS, (str, str, dict, int), strict=True))  # of what a header says
NONE: Mapping = MappingProxyType({})


@dataclass(frozen=True)
class Further:
    """A network beside the system's own (a discriminator), chosen among its objective's settings; the key `network`
    there makes it a part of what the system's code is.

    network: a module of models; config: one of its named sizes; changes: what differs from it
    """

    network: str
    config: str
    changes: dict

    def build(self, outputs: int) -> nn.Module:
        """A new one. Raises Refused as `build` does."""
        return build(self.network, self.config, self.changes, outputs)


def names() -> list[str]:
    """The networks there are: the modules whose source assigns CONFIGS. None is imported to find out."""
    files = [file for folder in models.__path__ for file in Path(folder).glob("*.py")]
    return sorted(file.stem for file in files if re.search(r"^CONFIGS\b", file.read_text(encoding="utf-8"), re.M))


def build(
    network: str, config: str, changes: Mapping[str, object], outputs: int, buffers: Mapping[str, Tensor] = NONE
) -> nn.Module:
    """A new network.

    Raises Refused with the valid names for an unknown network, size or field, for a value that a field does not
    take, and for a buffer whose name the network already has.
    """
    size = resolve(network, config, changes)
    built = _module(network).build(size, outputs)
    if not isinstance(built, nn.Module):
        raise Refused(f"build of models/{network}.py gives {type(built).__name__}, expected a torch.nn.Module")
    for name, value in buffers.items():
        if hasattr(built, name):
            raise Refused(f"the network {network} has {name!r} already: no buffer can be added by that name")
        built.register_buffer(name, value.clone())
    return built


def resolve(network: str, config: str, changes: Mapping[str, object]) -> Any:
    """The network's configuration of that size, changed field by field. Raises Refused as `build` does."""
    known = names()
    if network not in known:
        raise Refused(f"no network {network!r}; the networks are {', '.join(known)}")
    sizes = _module(network).CONFIGS
    if config not in sizes:
        raise Refused(f"{network} has no size {config!r}; its sizes are {', '.join(sizes)}")
    where = f"{network}/{config}: changes"
    try:
        return params.change(sizes[config], changes, where)
    except Refused:
        raise
    except ValueError as reason:  # models import nothing of ours, and so cannot raise Refused
        raise Refused(f"{where}: {reason}") from reason


def _module(network: str) -> ModuleType:
    """Its module. Raises Refused for one that lacks what every network has."""
    module = load_module("models.{network}", network=network)
    expected = "every network has it (models/__init__.py)"
    if not callable(getattr(module, "build", None)) or len(inspect.signature(module.build).parameters) != 2:
        raise Refused(f"models/{network}.py has no build(config, outputs); {expected}")
    if not module.CONFIGS or not all(map(dataclasses.is_dataclass, module.CONFIGS.values())):
        raise Refused(f"CONFIGS of models/{network}.py is no dict of a name and a dataclass for each size; {expected}")
    return module


def about(network: str, config: str, changes: Mapping[str, object], outputs: int) -> dict[str, object]:
    """What a weights file says of its network."""
    return dict(zip(WORDS, (network, config, dict(changes), outputs), strict=True))


def restore(
    path: Path,
    network: str | None = None,
    config: str | None = None,
    changes: Mapping[str, object] | None = None,
    outputs: int | None = None,
    buffers: Mapping[str, Tensor] = NONE,
) -> nn.Module:
    """The network that a weights file holds, with the task's `buffers`.

    Our own files say which network it is; the arguments say it for others', and must not differ from what ours say.

    Raises Refused for a file that does not say it, says otherwise, or holds another architecture.
    """
    header = read_weights(path)[1]
    held = {word: header[word] for word in WORDS if word in header}
    for word, value in held.items():
        if not isinstance(value, TYPES[word]) or isinstance(value, bool):
            raise Refused(f"the header of {path} says {word} {value!r}, expected {TYPES[word].__name__}")
    given = zip(WORDS, (network, config, changes, outputs), strict=True)
    asked = {word: value for word, value in given if value is not None}
    if any(asked.get(word, value) != value for word, value in held.items()):
        raise Refused(f"{path} holds {_listed(held)}; expected {_listed(asked)}")
    words = {"changes": NONE} | asked | held
    missing = [word for word in WORDS if word not in words]
    if missing:
        raise Refused(f"{path} does not say of which network it is: name its {', '.join(missing)}")
    try:
        restored = build(**words, buffers=buffers)
    except (RuntimeError, MemoryError) as reason:  # sizes that no memory holds
        said = str(reason).split("\n")[0] or "memory"
        raise Refused(f"{path} holds {_listed(words)}, which cannot be built: {said}") from None
    load_with_base(restored, path, weights_file)
    return restored


def _listed(words: Mapping[str, object]) -> str:
    return ", ".join(f"{word} {value}" for word, value in words.items())


def weights_file(name: str) -> Path:
    """A file in the weights folder (VOXDAG_WEIGHTS, or data/weights). Raises NotHere if it is not there."""
    path = weights_folder() / name
    if not path.is_file():
        raise NotHere(
            f"no weights at {path}: put the file there, or point VOXDAG_WEIGHTS at its folder (docs/CORPORA.md says "
            "where to get it)"
        )
    return path
