"""What a checkpoint says of its base, so that another file of the base's name is not taken for it.

Within the pipeline the hash of the base is in the proof (data/inputs). Where a checkpoint is used by itself, the
fingerprint in its header stands for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from voxdag.core.errors import Refused
from voxdag.networks.frozen import frozen_names
from voxdag.networks.weights import DIGITS

FINGERPRINT = "base_fingerprint"  # key of a header


def fingerprint(network: nn.Module) -> str:
    """What tells a network's frozen tensors from others: a hash of their names, shapes and values."""
    found, tensors = hashlib.blake2b(digest_size=DIGITS // 2), network.state_dict()
    for name in sorted(frozen_names(network)):
        tensor = tensors[name].detach().cpu()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy().data)
    return found.hexdigest()


def check(network: nn.Module, header: Mapping[str, object], path: Path) -> None:
    """Raises Refused for a network, restored from `path`, whose frozen tensors are not those of its training; a header
    without a fingerprint does not say it."""
    expected = header.get(FINGERPRINT)
    if expected is not None and (found := fingerprint(network)) != expected:
        raise Refused(
            f"{header.get('base')} in the weights folder is not the base of {path}, which was trained on another file "
            f"of that name: the hash of the frozen tensors is {found}, expected {expected}"
        )
