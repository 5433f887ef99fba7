"""The mean of weights, and the batch norm that belongs to it, worked by hand."""

import pytest
import torch
from torch import nn

from voxdag.training.averaging import Average, Averaging, refresh_batch_norm

# Two batches of two items with two features each; the network's batch norm stands behind a doubling layer:
#   batch 1 (1, 10), (3, 30)   doubled (2, 20), (6, 60)    mean (4, 40)   variance, divisor 1: (8, 800)
#   batch 2 (2, 20), (2, 60)   doubled (4, 40), (4, 120)   mean (4, 80)   variance, divisor 1: (0, 3200)
FIRST, SECOND = torch.tensor([[1.0, 10.0], [3.0, 30.0]]), torch.tensor([[2.0, 20.0], [2.0, 60.0]])
MEAN, VARIANCE = torch.tensor([4.0, 60.0]), torch.tensor([4.0, 2000.0])  # plain means of the batches'


def network(dropout=0.5):
    doubling = nn.Linear(2, 2, bias=False)
    doubling.weight = nn.Parameter(2 * torch.eye(2))
    return nn.Sequential(doubling, nn.Dropout(dropout), nn.BatchNorm1d(2))


def test_a_refresh_by_hand_with_dropout_off():
    refreshed = network()
    refreshed[2].running_mean.fill_(99.0)  # what an earlier training left
    refreshed[2].num_batches_tracked.fill_(7)
    refresh_batch_norm(refreshed, [(FIRST,), (SECOND,)])
    torch.testing.assert_close(refreshed[2].running_mean, MEAN, rtol=1e-6, atol=0)
    torch.testing.assert_close(refreshed[2].running_var, VARIANCE, rtol=1e-6, atol=0)
    assert refreshed[2].num_batches_tracked == 2


def test_a_refresh_of_a_network_in_evaluation_is_the_same():
    refreshed = network().eval()
    refresh_batch_norm(refreshed, [(FIRST,), (SECOND,)])
    torch.testing.assert_close(refreshed[2].running_mean, MEAN, rtol=1e-6, atol=0)
    torch.testing.assert_close(refreshed[2].running_var, VARIANCE, rtol=1e-6, atol=0)


class FunctionalDropout(nn.Module):
    """Drops as attention and recurrent layers do: by what mode they are in, without a module for it."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)


def test_a_refresh_is_without_dropout_that_is_no_module_of_its_own():
    refreshed = network()
    refreshed[1] = FunctionalDropout()
    refresh_batch_norm(refreshed, [(FIRST,), (SECOND,)])
    torch.testing.assert_close(refreshed[2].running_mean, MEAN, rtol=1e-6, atol=0)


@pytest.mark.parametrize("start", [-0.1, 1.1])
def test_a_start_that_is_no_share_is_refused(start):
    with pytest.raises(ValueError, match=f"start is {start}, expected a share from 0 to 1"):
        Averaging("tail", start)


@pytest.mark.parametrize("modes", [(True, True, True), (False, False, False), (True, False, True)])
def test_a_refresh_gives_every_module_its_mode_and_momentum_back(modes):
    refreshed = network()
    refreshed[2].momentum = 0.3
    for module, mode in zip(refreshed, modes, strict=True):
        module.training = mode
    refresh_batch_norm(refreshed, [(FIRST,)])
    assert tuple(module.training for module in refreshed) == modes and refreshed.training
    assert refreshed[2].momentum == 0.3


def test_a_refresh_changes_no_weight_and_leaves_a_frozen_norm():
    refreshed = network()
    refreshed[2].requires_grad_(False).running_mean.fill_(5.0)
    before = {name: value.clone() for name, value in refreshed.state_dict().items()}
    refresh_batch_norm(refreshed, [(FIRST,), (SECOND,)])
    assert all(torch.equal(value, before[name]) for name, value in refreshed.state_dict().items())


def test_a_network_without_batch_norm_asks_for_no_batch():
    refresh_batch_norm(nn.Linear(2, 2), iter(lambda: pytest.fail("a batch was asked for"), None))


def test_the_mean_of_weights_by_hand_and_without_what_is_frozen():
    part = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    part[1].requires_grad_(False)
    average = Average()
    for value in (1.0, 4.0, 7.0):
        part[0].weight.data.fill_(value)
        part[1].weight.data.fill_(5.0)
        average.add(part)
    part[1].weight.data.fill_(6.0)
    average.copy_to(part)
    assert (part[0].weight.item(), part[1].weight.item(), average.count) == (4.0, 6.0, 3)
    assert list(average.mean) == ["0.weight"]


def test_which_epochs_enter_the_mean():
    assert [Averaging("tail", 0.75).takes(epoch, 8, False) for epoch in range(8)] == [False] * 6 + [True] * 2
    assert [Averaging("best", 0.0).takes(epoch, 2, best) for epoch, best in enumerate((True, False))] == [True, False]
    assert not Averaging("none", 0.0).takes(7, 8, True)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="over is 'ema', expected one of tail, best, none"):
        Averaging("ema", 0.0)
