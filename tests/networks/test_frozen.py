import pytest
import torch
from torch import nn

from tests.training.toys import PartlyFrozen, partly_frozen
from voxdag.networks.frozen import frozen_names, is_frozen, load_trained_state, train_mode, trained_state


def test_frozen_parameters_and_the_buffers_of_frozen_modules_are_named_in_order():
    assert frozen_names(partly_frozen()) == [
        "front.0.weight", "front.0.bias", "front.1.weight", "front.1.bias", "front.1.running_mean",
        "front.1.running_var", "front.1.num_batches_tracked", "front.3.weight", "front.3.bias",
    ]  # fmt: skip
    assert frozen_names(PartlyFrozen()) == []


def test_a_single_frozen_parameter_takes_no_buffer_with_it():
    norm = nn.BatchNorm1d(2)
    norm.weight.requires_grad_(False)
    assert frozen_names(norm) == ["weight"] and not is_frozen(norm)


def test_a_module_without_parameters_is_frozen_by_what_it_stands_in():
    positions = nn.Module()
    positions.register_buffer("table", torch.zeros(3))
    network = nn.Sequential(nn.Linear(1, 1), positions)
    assert not is_frozen(positions) and frozen_names(network) == []
    assert frozen_names(network.requires_grad_(False)) == ["0.weight", "0.bias", "1.table"]


def test_tied_weights_are_named_twice_as_in_the_state_dict():
    network = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1, bias=False)})
    network["b"].weight = network["a"].weight
    assert frozen_names(network.requires_grad_(False)) == ["a.weight", "b.weight"]


def test_training_mode_is_for_what_is_trained():
    network = partly_frozen()
    network.eval()
    train_mode(network)
    assert network.training and all(module.training for module in network.head.modules())
    assert not any(module.training for module in network.front.modules())


def test_a_trained_state_sets_what_is_trained_and_leaves_the_rest():
    source, target = partly_frozen(), partly_frozen()
    nn.init.ones_(source.head[2].weight)
    nn.init.ones_(target.front[0].weight)
    load_trained_state(target, trained_state(source))
    assert target.head[2].weight.eq(1).all() and target.front[0].weight.eq(1).all()


def test_a_state_of_another_network_is_refused():
    with pytest.raises(ValueError, match=r"a state of 16 tensors for 7 that are trained; they differ in front.0.bias"):
        load_trained_state(partly_frozen(), trained_state(PartlyFrozen()))
