"""What learners share: one loss in a few lines, means over the items that have a target."""

import pytest
import torch

from tests.training.toys import Gan, Regression, TwoHeaded, materials, recipe, small_network, two_heads
from voxdag.training.learner import OneLoss, masked_mean


def test_the_mean_over_items_with_a_target_by_hand():
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert masked_mean(losses, torch.tensor([True, False, True])).item() == 3.5
    assert masked_mean(losses, torch.tensor([True, True, True])).item() == 3.0


def test_without_any_target_it_is_zero_and_not_undefined():
    assert masked_mean(torch.tensor([1.0, 2.0]), torch.tensor([False, False])).item() == 0.0


@pytest.mark.parametrize("learner", [Regression(recipe()), Gan(recipe()), TwoHeaded(recipe(), two_heads())])
def test_every_learner_has_what_the_loop_asks_for(learner):
    assert learner.main in learner.networks and isinstance(learner.HIGHER, frozenset)
    assert len(list(learner.batches(0, 0))) == len(learner)
    first = next(learner.batches(0, 0))
    assert all(isinstance(value, torch.Tensor) for value in first.values())
    assert learner.networks[learner.main](*learner.inputs(first)) is not None
    learner.load(learner.state())
    learner.calibrate(())


def test_one_loss_is_one_update_of_its_network():
    learner = Regression(recipe())
    asked = []

    def update(name, loss):
        asked.append((name, loss.item()))
        return 0.25

    assert learner.step(next(learner.batches(0, 0)), update) == {"loss": 0.25}
    assert [name for name, _ in asked] == ["main"]


def test_a_part_of_one_loss_may_have_a_learning_rate_of_its_own():
    class Slow(Regression):
        def __init__(self, made):
            self.x, self.y = torch.zeros(8, 12), torch.zeros(8, 1)
            OneLoss.__init__(self, materials(small_network(), made), [0] * 8, {"0": 0.1})

    ratios = {group["lr_ratio"]: len(group["params"]) for group in Slow(recipe()).optimizers["main"].param_groups}
    assert ratios == {0.1: 2, 1.0: 4}
