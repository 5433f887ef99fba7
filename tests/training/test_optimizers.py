import pytest
import torch
from torch import nn

from tests.training.toys import PartlyFrozen, partly_frozen, recipe
from voxdag.training.optimizers import make_optimizer, set_learning_rate


def groups(optimizer, network):
    """Learning-rate ratio -> names of its parameters."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        group["lr_ratio"]: [names[id(parameter)] for parameter in group["params"]] for group in optimizer.param_groups
    }


def test_one_group_of_all_parameters_in_their_order_with_the_recipes_settings():
    network = PartlyFrozen()
    optimizer = make_optimizer(recipe(optimizer="adamw", betas=(0.8, 0.9), weight_decay=0.3), network)
    assert groups(optimizer, network) == {1.0: [name for name, _ in network.named_parameters()]}
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.defaults["betas"] == (0.8, 0.9) and optimizer.defaults["weight_decay"] == 0.3


def test_the_longest_name_that_fits_holds():
    network = PartlyFrozen()
    made = groups(make_optimizer(recipe(), network, {"front": 0.01, "front.3": 0.1, "head.2.bias": 2.0}), network)
    assert made == {
        0.01: ["front.0.weight", "front.0.bias", "front.1.weight", "front.1.bias"],
        0.1: ["front.3.weight", "front.3.bias"],
        1.0: ["head.0.weight", "head.0.bias", "head.2.weight"],
        2.0: ["head.2.bias"],
    }


def test_a_name_is_of_a_part_and_not_of_its_first_letters():
    network = nn.ModuleDict({"front": nn.Linear(1, 1), "front_end": nn.Linear(1, 1)})
    made = groups(make_optimizer(recipe(), network, {"front": 0.5}), network)
    assert made[0.5] == ["front.weight", "front.bias"]


def test_frozen_parameters_are_left_out():
    network = partly_frozen()
    assert groups(make_optimizer(recipe(), network), network) == {
        1.0: ["head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"]
    }


def test_each_group_gets_its_multiple_of_the_learning_rate_also_after_a_resume():
    network = PartlyFrozen()
    optimizer = make_optimizer(recipe(), network, {"front": 0.25})
    optimizer.load_state_dict(make_optimizer(recipe(), network, {"front": 0.25}).state_dict())
    set_learning_rate(optimizer, 0.4)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.4]


def test_a_part_without_anything_to_train_is_named():
    with pytest.raises(ValueError, match="lr_ratios names 'front', which has nothing to train; parts are head"):
        make_optimizer(recipe(), partly_frozen(), {"front": 0.1})
    with pytest.raises(ValueError, match="lr_ratios names 'fornt', .* parts are front, head"):
        make_optimizer(recipe(), PartlyFrozen(), {"fornt": 0.1})


def test_a_network_that_is_wholly_frozen_is_refused():
    with pytest.raises(ValueError, match="all parameters of the network are frozen"):
        make_optimizer(recipe(), PartlyFrozen().requires_grad_(False))
