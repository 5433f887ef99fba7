"""Networks by name: a module of `models/` is a network, and its CONFIGS are the sizes it comes in."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from torch import nn

import models
from voxdag.networks.weights import load, read_weights


def build(network: str, config: str) -> nn.Module:
    """A new network. Raises ValueError with the valid names for an unknown network or size."""
    known = sorted(path.stem for path in Path(models.__path__[0]).glob("[a-z]*.py"))
    if network not in known:
        raise ValueError(f"no network {network!r}; the networks are {', '.join(known)}")
    return importlib.import_module(f"models.{network}").build(config)


def restore(path: Path, network: str | None = None, config: str | None = None) -> nn.Module:
    """The network that a weights file holds. Our own files say which it is; `network` and `config` say it for others.

    Raises ValueError for a file that does not say it, says otherwise, or holds another architecture.
    """
    about = read_weights(path)[1]
    named = about.get("network", network), about.get("config", config)
    if None in named:
        raise ValueError(f"{path} does not say of which network it is: name the network and its size")
    if network is not None and named != (network, config):
        raise ValueError(f"{path} holds {'/'.join(named)}, expected {network}/{config}")
    restored = build(*named)
    load(restored, path)
    return restored


def weights_file(name: str) -> Path:
    """A file in the weights folder (VOXDAG_WEIGHTS, or data/weights). Raises FileNotFoundError if it is not there."""
    path = Path(os.environ.get("VOXDAG_WEIGHTS", "data/weights")) / name
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights at {path}: put the file there, or point VOXDAG_WEIGHTS at its folder (docs/CORPORA.md says "
            "where to get it)"
        )
    return path
