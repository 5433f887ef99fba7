"""Stochastic weight averaging (Izmailov et al., UAI 2018): the mean of several epochs' weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from voxdag.core import bounds
from voxdag.networks.frozen import is_frozen


@dataclass(frozen=True)
class Averaging:
    """over   "tail": every epoch from the share `start` of training on; "best": every epoch that is the best so far by
           the stopping criterion, ties included (clovaai/aasist main.py); "none"
    start  0..1, for "tail"
    """

    over: str
    start: float

    def __post_init__(self) -> None:
        bounds.one_of(self, ("tail", "best", "none"), "over")
        bounds.share(self, "start")

    def takes(self, epoch: int, epochs: int, is_best: bool) -> bool:
        """Whether the weights at the end of the 0-based `epoch` enter the mean."""
        if self.over == "tail":
            return epoch + 1 > self.start * epochs
        return self.over == "best" and is_best


class Average:
    """A running mean of the parameters that are not frozen; `count` weights have entered it."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: dict[str, Tensor] = {}

    def add(self, network: nn.Module) -> None:
        """Take in the network's parameters (not its buffers: `refresh_batch_norm` makes those anew)."""
        self.count += 1
        for name, parameter in _trained_parameters(network):
            value = parameter.detach().to(torch.float32)
            if self.count == 1:
                self.mean[name] = value.clone()
            else:
                self.mean[name] += (value - self.mean[name]) / self.count

    def copy_to(self, network: nn.Module) -> None:
        """Set the network's parameters to the mean."""
        with torch.no_grad():
            for name, parameter in _trained_parameters(network):
                parameter.copy_(self.mean[name])

    def state(self) -> dict:
        """What a resume needs."""
        return {"count": self.count, "mean": self.mean}

    def load(self, state: dict, device: torch.device) -> None:
        """Go on from `state`."""
        self.count = state["count"]
        self.mean = {name: value.to(device) for name, value in state["mean"].items()}


@torch.no_grad()
def refresh_batch_norm(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Estimate every batch norm's statistics anew, for the weights that the network has now; frozen ones stay.

    The running mean becomes the plain mean of the batches' means, the running variance that of their variances (divisor
    n - 1), over `batches` of the network's arguments. All but the batch norms is in evaluation mode, so dropout of any
    kind is off (the network is scored without it), unlike in the pass of clovaai/aasist. Every module has its mode and
    momentum back afterwards.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and not is_frozen(module)]
    if not norms:
        return
    modes = {module: module.training for module in network.modules()}
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # torch then keeps the cumulative mean
    for batch in batches:
        network(*batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, mode in modes.items():
        module.training = mode


def _trained_parameters(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad)
