"""The weights that training starts from: ours, or those that others published in names of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from voxdag.core.errors import Refused
from voxdag.networks.weights import check_finite, load_with_base, read_weights


def load_initial(network: nn.Module, path: Path, find: Callable[[str], Path]) -> None:
    """Load a file's weights into `network`, to train it from there; what a published file has no part in (a head of
    other classes) stays as it was drawn.

    find: name of a base -> its file, as `load_with_base` takes it. A network with `published` (see models/__init__.py)
    is asked first whether it is one. Raises Refused naming the file, what it has and what was expected.
    """
    if hasattr(network, "published"):
        tensors, _ = read_weights(path)
        try:
            found = network.published(tensors)  # type: ignore[operator]
        except ValueError as reason:  # models import nothing of ours, and so cannot raise Refused
            raise Refused(f"{path}: {reason}") from reason
        if found is not None:
            check_finite(found, path)
            network.load_state_dict(found, strict=False)
            return
    load_with_base(network, path, find)
