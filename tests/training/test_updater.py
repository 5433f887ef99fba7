"""One update: its gradients, its draws, its precision, and what it leaves alone when it is not finite."""

import math

import pytest
import torch
from torch import nn

from tests.training.toys import CPU, recipe
from voxdag.training.seeding import seed_torch
from voxdag.training.updater import Outcome, Updater

LR = 0.5


class SGD(torch.optim.SGD):
    def __init__(self, parameters):
        super().__init__(parameters, lr=99.0)  # the updater sets it


def weights(*values):
    return {name: nn.Parameter(torch.tensor(value)) for name, value in zip("ab", values, strict=False)}


def updater(parameters, **changes):
    optimizers = {name: SGD([parameter]) for name, parameter in parameters.items()}
    made = Updater(optimizers, recipe(**changes), 7, CPU)
    made.begin(3, LR)
    return made


def test_an_update_by_hand():
    # loss a^2 at a = 3: gradient 6; 3 - 0.5 * 6 = 0
    parameters = weights(3.0)
    update = updater(parameters, clip_norm=None)
    assert update("a", parameters["a"] ** 2) == 9.0
    assert parameters["a"].item() == 0.0
    assert update.outcomes == [Outcome("a", 9.0, 6.0, True)]


def test_a_clipped_update_by_hand():
    # the gradient 6 becomes 1: 3 - 0.5 = 2.5, up to the 1e-6 that torch adds to the norm; the norm is told unclipped
    parameters = weights(3.0)
    update = updater(parameters, clip_norm=1.0)
    update("a", parameters["a"] ** 2)
    assert parameters["a"].item() == pytest.approx(2.5, abs=1e-6)
    assert update.outcomes[0].grad_norm == 6.0


def test_an_updates_gradients_are_those_of_its_loss_alone():
    # loss a * b: d/da = b. The update of b leaves a gradient in a, which the update of a does not see.
    parameters = weights(2.0, 4.0)
    update = updater(parameters, clip_norm=None)
    update("b", parameters["a"] * parameters["b"])  # b: 4 - 0.5 * 2 = 3
    update("a", parameters["a"] * parameters["b"])  # a: 2 - 0.5 * 3 = 0.5
    assert (parameters["b"].item(), parameters["a"].item()) == (3.0, 0.5)


def test_gradients_of_several_losses_add_up_each_made_when_the_one_before_has_its_gradients():
    # losses a^2 and 3 a at a = 3: gradients 6 and 3; 3 - 0.5 * 9 = -1.5
    parameters = weights(3.0)
    update, seen = updater(parameters, clip_norm=None), []

    def losses():
        for loss in (parameters["a"] ** 2, parameters["a"] * 3):
            seen.append(parameters["a"].grad and parameters["a"].grad.item())
            yield loss

    assert update("a", losses()) == 18.0
    assert seen == [None, 6.0] and parameters["a"].item() == -1.5
    assert update.outcomes == [Outcome("a", 18.0, 9.0, True)]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_several_losses_in_mixed_precision_give_the_gradients_of_their_sum(precision):
    torch.manual_seed(0)
    layer, rows = nn.Linear(4, 4), torch.randn(2, 3, 4)
    update = Updater({"a": SGD(layer.parameters())}, recipe(precision=precision, clip_norm=None), 7, CPU)
    update.begin(0, 0.0)
    norms = []
    for together in (True, False):
        with update.autocast():
            losses = (layer(part).float().square().mean() / 100 for part in rows)
            update("a", sum(losses) if together else losses)
        norms.append(update.outcomes[-1].grad_norm)
    assert norms[0] == pytest.approx(norms[1], rel=1e-2)  # 8 bits of mantissa


def test_an_update_that_is_not_finite_in_one_of_its_losses_is_skipped():
    parameters = weights(3.0)
    update = updater(parameters, clip_norm=None)
    update("a", (parameters["a"] * factor for factor in (math.nan, 1.0)))
    assert parameters["a"].item() == 3.0 and not update.outcomes[0].taken


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_an_update_that_is_not_finite_leaves_its_weights_and_makes_the_next(factor):
    parameters = weights(3.0, 4.0)
    update = updater(parameters, clip_norm=None)
    update("a", parameters["a"] * factor)
    update("b", parameters["b"] * 2)
    assert (parameters["a"].item(), parameters["b"].item()) == (3.0, 3.0)
    assert [outcome.taken for outcome in update.outcomes] == [False, True]


def test_a_gradient_that_is_not_finite_under_a_finite_loss_is_skipped():
    parameters = weights(0.0)
    update = updater(parameters)
    assert update("a", parameters["a"].sqrt()) == 0.0  # d sqrt(a) / da is infinite at 0
    assert parameters["a"].item() == 0.0 and not update.outcomes[0].taken


def test_a_loss_that_is_not_finite_over_finite_gradients_is_skipped():
    parameters = weights(3.0)
    update = updater(parameters, clip_norm=None)
    update("a", parameters["a"] * 2 + math.inf)
    assert update.outcomes == [Outcome("a", math.inf, 2.0, False)] and parameters["a"].item() == 3.0


def test_an_unknown_optimizer_is_refused_with_those_there_are():
    parameters = weights(3.0, 4.0)
    with pytest.raises(ValueError, match="no optimizer 'critic'; the learner has a, b"):
        updater(parameters)("critic", parameters["a"])


def test_the_draws_of_an_update_depend_on_seed_step_and_number_alone():
    def draws(before):
        parameters = weights(3.0, 4.0)
        update = updater(parameters)
        first = torch.rand(2)
        torch.rand(before)
        update("a", parameters["a"] ** 2)
        second = torch.rand(2)
        torch.rand(before)
        update("b", parameters["b"] ** 2)
        return first, second, torch.rand(2)

    few, many = draws(1), draws(100)
    assert all(torch.equal(a, b) for a, b in zip(few, many, strict=True))
    assert len({tuple(drawn.tolist()) for drawn in few}) == 3
    for drawn, names in zip(few, [("dropout", 3), ("dropout", 3, 1), ("dropout", 3, 2)], strict=True):
        seed_torch(7, *names)
        assert torch.equal(drawn, torch.rand(2))


def test_a_group_has_its_multiple_of_the_learning_rate():
    parameters = weights(1.0, 1.0)
    optimizer = torch.optim.SGD([{"params": parameters["a"], "lr_ratio": 0.1}, {"params": parameters["b"]}], lr=99.0)
    update = Updater({"both": optimizer}, recipe(clip_norm=None), 7, CPU)
    update.begin(0, LR)
    update("both", parameters["a"] + parameters["b"])
    assert parameters["a"].item() == pytest.approx(0.95) and parameters["b"].item() == 0.5


class PrecisionOfBackward(torch.autograd.Function):
    """The identity; `seen` says whether autocast was on in its backward pass."""

    seen = None

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        PrecisionOfBackward.seen = torch.is_autocast_enabled("cpu")
        return gradient


def test_backward_runs_outside_autocast_though_the_step_runs_within_it():
    parameters = weights(3.0)
    update = updater(parameters, precision="bf16")
    with update.autocast():
        assert torch.is_autocast_enabled("cpu")
        update("a", PrecisionOfBackward.apply(parameters["a"]) ** 2)
        assert torch.is_autocast_enabled("cpu")
    assert PrecisionOfBackward.seen is False


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_second_update_in_mixed_precision_sees_the_weights_that_the_first_one_made(precision):
    # autocast keeps its cast copies of weights for the length of the context: they must not outlive an update
    torch.manual_seed(0)
    layer, x = nn.Linear(4, 4), torch.randn(2, 4)
    update = Updater({"a": SGD(layer.parameters())}, recipe(precision=precision, clip_norm=None), 7, CPU)
    update.begin(0, LR)
    with update.autocast():
        update("a", layer(x).float().square().mean())
        within = layer(x)
        update("a", within.float().square().mean())
        within = layer(x)
    with update.autocast():
        assert torch.equal(within, layer(x))
    assert [outcome.taken for outcome in update.outcomes] == [True, True]


def test_a_scaled_loss_in_fp16_gives_the_gradients_of_the_loss():
    parameters = weights(3.0)
    update = updater(parameters, precision="fp16", clip_norm=None)
    assert update.scaler.get_scale() == 2.0**16
    update("a", parameters["a"] ** 2)
    assert parameters["a"].item() == 0.0 and update.outcomes == [Outcome("a", 9.0, 6.0, True)]


def test_a_skipped_update_in_fp16_lowers_the_scale():
    parameters = weights(1e36)
    update = updater(parameters, precision="fp16")
    update("a", parameters["a"] * 1e36)  # overflows
    assert update.scaler.get_scale() == 2.0**15 and not update.outcomes[0].taken
