"""Frozen parts of a network: what training cannot change is neither averaged nor written into every checkpoint.

A parameter is frozen where `requires_grad` is False, a module where it has parameters and all of them are. Frozen
tensors are the frozen parameters and the buffers of frozen modules (running statistics, positions).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from voxdag.core.errors import Refused


def is_frozen(module: nn.Module) -> bool:
    """Whether the module has parameters and training changes none of them."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def frozen_names(network: nn.Module) -> list[str]:
    """The names of the frozen tensors, in the order of the network's state dict."""
    frozen = {
        name for name, parameter in network.named_parameters(remove_duplicate=False) if not parameter.requires_grad
    }
    for prefix, module in network.named_modules(remove_duplicate=False):
        if is_frozen(module):
            frozen |= {name for name, _ in module.named_buffers(prefix, remove_duplicate=False)}
    return [name for name in network.state_dict() if name in frozen]


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The network's state dict without its frozen tensors."""
    frozen = set(frozen_names(network))
    return {name: tensor for name, tensor in network.state_dict().items() if name not in frozen}


def load_trained_state(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Set what is not frozen; the frozen tensors stay as they are.

    Raises Refused if `state` holds other names than `trained_state` gives.
    """
    expected = trained_state(network).keys()
    if state.keys() != expected:
        raise Refused(
            f"a state of {len(state)} tensors for {len(expected)} that are trained; "
            f"they differ in {', '.join(sorted(state.keys() ^ expected)[:3])}"
        )
    network.load_state_dict(state, strict=False)


def train_mode(network: nn.Module) -> None:
    """Training mode for all but the frozen modules: without dropout, and with the statistics that they have."""
    network.train()
    for module in network.modules():
        if is_frozen(module):
            module.eval()
