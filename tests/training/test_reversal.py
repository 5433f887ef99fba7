"""Gradient reversal: multiplied by its strength once, whatever stands behind it; schedules by hand."""

import math

import pytest
import torch
from torch import nn

from voxdag.core.errors import Refused
from voxdag.training.reversal import Strength, reversed_gradient


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.0])
def test_values_pass_and_their_gradient_is_turned_round_once(strength):
    # the head's own gradient is that of its loss at full strength, also where the strength is 0
    torch.manual_seed(0)
    features, head = torch.randn(5, 3, requires_grad=True), nn.Linear(3, 2)
    plain = head(features).square().sum()
    of_features, of_head = torch.autograd.grad(plain, [features, head.weight])
    opposed = head(reversed_gradient(features, strength)).square().sum()
    found = torch.autograd.grad(opposed, [features, head.weight])
    assert opposed.item() == plain.item()
    torch.testing.assert_close(found[0], -strength * of_features)
    assert torch.equal(found[1], of_head)


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (Strength("constant", 0.0, 0.5, 0), [0.5] * 5),
        (Strength("constant", 0.0, 0.5, 2), [0, 0, 0.5, 0.5, 0.5]),
        (Strength("linear", 0.1, 0.5, 0), [0.1, 0.2, 0.3, 0.4, 0.5]),
        (Strength("linear", 0.1, 0.5, 2), [0, 0, 0.1, 0.3, 0.5]),
        # p = 0, 1/4, ...: 2 / (1 + e^-2.5) - 1 = 0.8483, at 1/2 0.9866, at 3/4 0.9989, at 1 0.9999
        (Strength("exponential", 0.0, 1.0, 0), [0.0, 0.8483, 0.9866, 0.9989, 0.9999]),
        (Strength("exponential", 0.2, 0.4, 5), [0.0] * 5),
    ],
)
def test_schedules_by_hand(strength, expected):
    assert [strength.at(step, 5) for step in range(5)] == pytest.approx(expected, abs=1e-4)


def test_a_schedule_ends_where_it_says_and_training_that_is_cut_short_is_no_shorter():
    for shape in ("linear", "exponential"):
        values = [Strength(shape, 0.1, 0.9, 10).at(step, 200) for step in range(200)]
        assert values[9] == 0 and values[10] == 0.1 and values[-1] == pytest.approx(0.9, abs=1e-4)
        assert values[10:] == sorted(values[10:])
    assert Strength("linear", 0.0, 1.0, 0).at(0, 1) == 0 and math.isfinite(Strength("linear", 0.0, 1.0, 0).at(9, 5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("cosine", 0.0, 1.0, 0), "shape is 'cosine', expected one of constant, linear, exponential"),
        (("linear", -0.1, 1.0, 0), "start is -0.1, expected 0 or more"),
        (("linear", 0.0, 0.0, 0), "end is 0.0, expected more than 0"),
        (("linear", 0.0, 1.0, -1), "warmup is -1, expected 0 or more"),
    ],
)
def test_a_strength_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(Refused, match=message):
        Strength(*values)
