"""Optimizers of a network's parameters, in groups with learning rates of their own, without what is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn
from torch.optim import Optimizer

from voxdag.core.errors import Refused
from voxdag.training.recipe import OPTIMIZERS, Recipe

ONE_RATE: Mapping[str, float] = MappingProxyType({})


def make_optimizer(recipe: Recipe, network: nn.Module, lr_ratios: Mapping[str, float] = ONE_RATE) -> Optimizer:
    """The recipe's optimizer of all parameters that are not frozen.

    lr_ratios  name of a part of the network ("front_end", "front_end.layers") -> its learning rate as a multiple of the
               schedule's; the longest name that fits holds, "" is the whole network, and what none fits has 1

    Raises Refused for a network that is wholly frozen, or for a part that has no parameter to train.
    """
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    if not trained:
        raise Refused("all parameters of the network are frozen: there is nothing to train")
    for part in lr_ratios:
        if not any(_is_in(name, part) for name in trained):
            parts = dict.fromkeys(name.split(".")[0] for name in trained)
            raise Refused(f"lr_ratios names {part!r}, which has nothing to train; parts are {', '.join(parts)}")
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        groups.setdefault(_ratio(name, lr_ratios), []).append(parameter)
    return OPTIMIZERS[recipe.optimizer](
        [{"params": parameters, "lr_ratio": ratio} for ratio, parameters in groups.items()],
        lr=recipe.lr,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
    )


def set_learning_rate(optimizer: Optimizer, lr: float) -> None:
    """Give each group its multiple of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_ratio", 1.0)


def _ratio(name: str, lr_ratios: Mapping[str, float]) -> float:
    fitting = [part for part in lr_ratios if _is_in(name, part)]
    return lr_ratios[max(fitting, key=len)] if fitting else 1.0


def _is_in(name: str, part: str) -> bool:
    return part == "" or name == part or name.startswith(f"{part}.")
