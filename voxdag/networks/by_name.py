"""Networks by name: a module of `models/` is a network, and its CONFIGS are the sizes it comes in."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import weights_folder
from voxdag.networks.weights import load, read_weights


def build(network: str, config: str) -> nn.Module:
    """A new network. Raises Refused with the valid names for an unknown network or size."""
    return load_module("models.{network}", network=network).build(config)


def restore(path: Path, network: str | None = None, config: str | None = None) -> nn.Module:
    """The network that a weights file holds. Our own files say which it is; `network` and `config` say it for others.

    Raises Refused for a file that does not say it, says otherwise, or holds another architecture.
    """
    about = read_weights(path)[1]
    named = about.get("network", network), about.get("config", config)
    if None in named:
        raise Refused(f"{path} does not say of which network it is: name the network and its size")
    if network is not None and named != (network, config):
        raise Refused(f"{path} holds {'/'.join(named)}, expected {network}/{config}")
    restored = build(*named)
    load(restored, path)
    return restored


def weights_file(name: str) -> Path:
    """A file in the weights folder (VOXDAG_WEIGHTS, or data/weights). Raises NotHere if it is not there."""
    path = weights_folder() / name
    if not path.is_file():
        raise NotHere(
            f"no weights at {path}: put the file there, or point VOXDAG_WEIGHTS at its folder (docs/CORPORA.md says "
            "where to get it)"
        )
    return path
