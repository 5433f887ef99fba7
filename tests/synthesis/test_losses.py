"""The losses of a GAN by hand, its penalties against a linear discriminator's and finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.synthesis.making import DISCRIMINATOR, LOSS
from voxdag.core.errors import Refused
from voxdag.synthesis.losses import normalised

REAL, FAKE = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([1.0, -2.0, 0.0])
SHARP = {"real": (1.0, 1.0), "fake": (0.0, 0.0)}  # no smoothing


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    ("form", "discriminator", "generator"),
    [
        # pairs 2 and 1, .5 and -2, -1 and 0
        (
            "relativistic",
            np.mean([softplus(-1.0), softplus(-2.5), softplus(1.0)]),
            np.mean([softplus(1.0), softplus(2.5), softplus(-1.0)]),
        ),
        # (1 - 2)+, (1 - .5)+, (1 + 1)+ and (1 + 1)+, (1 - 2)+, (1 + 0)+; minus the mean of the fakes
        ("hinge", 2.5 / 3 + 3.0 / 3, 1 / 3),
        (
            "bce",
            (np.mean(softplus(-np.array([2.0, 0.5, -1.0]))) + np.mean(softplus(np.array([1.0, -2.0, 0.0])))) / 2,
            np.mean(softplus(-np.array([1.0, -2.0, 0.0]))),
        ),
    ],
)
def test_each_form_by_hand(form, discriminator, generator):
    loss = replace(LOSS, form=form, **SHARP)
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(discriminator, rel=1e-6)
    assert loss.generator(REAL, FAKE).item() == pytest.approx(generator, rel=1e-6)


@pytest.mark.parametrize("form", ["relativistic", "hinge", "bce"])
def test_each_side_gains_where_the_other_loses(form):
    loss = replace(LOSS, form=form, **SHARP)
    better = REAL + 0.1, FAKE - 0.1
    assert loss.discriminator(*better) < loss.discriminator(REAL, FAKE)
    assert loss.generator(REAL, FAKE - 0.1) > loss.generator(REAL, FAKE)


def test_labels_are_drawn_from_their_ranges():
    # At logits z a cross-entropy is softplus(z) - y z: the labels' mean and ends are read from it, of 4,000 at z = 1.
    loss, many = replace(LOSS, form="bce", real=(0.7, 0.9), fake=(0.1, 0.1)), torch.ones(4000)
    torch.manual_seed(0)
    total = loss.discriminator(many, many).item()
    # (0.8 and 0.1) on the average; the mean of 4,000 uniform labels over 0.2 has a standard error of 0.0009
    assert 2 * total == pytest.approx(2 * softplus(1) - 0.8 - 0.1, abs=0.005)
    draws = {
        round(float(softplus(1) - loss.discriminator(many[:1], -many[:1]) * 2 + softplus(-1) + 0.1), 4)
        for _ in range(50)
    }
    assert len(draws) > 40 and min(draws) >= 0.699 and max(draws) <= 0.901


def test_a_cross_entropy_is_never_more_than_a_hundred():
    # as torch's BCELoss, of probabilities: the logarithm of 0 is -100
    loss, sure = replace(LOSS, form="bce", **SHARP), torch.tensor([-300.0, -300.0])
    assert loss.generator(REAL, sure).item() == 100
    theirs = nn.functional.binary_cross_entropy(torch.sigmoid(sure), torch.ones(2))
    assert loss.generator(REAL, sure).item() == theirs.item()
    assert loss.generator(REAL, torch.tensor([-50.0])).item() == pytest.approx(50)


class Linear(nn.Module):
    """w x for an input x (B, F, T)."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, spectrograms):
        return (spectrograms * self.weight).sum((1, 2))


def test_the_penalties_of_a_linear_discriminator_are_its_weights_size():
    # the gradient by each input is w: |w|^2 = 1 + 4 + 9 + 0 = 14; every 4: 4 times as strong
    judge, loss = Linear(torch.tensor([[1.0, -2.0], [3.0, 0.0]])), replace(LOSS, r1=0.5, r2=0.25, every=4)
    real, fake = (torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in (1, 2))
    penalty = loss.penalty(real, fake, judge(real), judge(fake))
    assert penalty.item() == pytest.approx(4 / 2 * (0.5 + 0.25) * 14)
    penalty.backward()  # of the discriminator: d |w|^2 = 2 w
    assert torch.allclose(judge.weight.grad, 4 / 2 * 0.75 * 2 * judge.weight)


@pytest.mark.parametrize("r1", [1.0, 0.0])
def test_the_penalties_are_those_of_finite_differences(r1):
    # r1 is of real recordings and r2 of fakes: one of them at a time
    def judge(x):
        return (x**3).sum((1, 2)) + torch.sin(x[:, 0, 0]) * x[:, 1, 1]

    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 2, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    asked, sizes = real if r1 else fake, []
    for item in range(2):
        total = 0.0
        for place in np.ndindex(2, 2):
            moved = [asked.clone(), asked.clone()]
            moved[0][(item, *place)] += 1e-5
            moved[1][(item, *place)] -= 1e-5
            total += float((judge(moved[0])[item] - judge(moved[1])[item]) / 2e-5) ** 2
        sizes.append(total)
    shown = real.requires_grad_(), fake.requires_grad_()
    penalty = replace(LOSS, r1=r1, r2=1 - r1, every=1).penalty(*shown, *map(judge, shown))
    assert penalty.item() == pytest.approx(np.mean(sizes) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [({"every": 4}, [0, 4, 8]), ({"every": 1, "r1": 0.0}, list(range(9))), ({"r1": 0.0, "r2": 0.0}, [])],
)
def test_penalties_come_every_so_many_steps(changes, steps):
    loss = replace(LOSS, **changes)
    assert [step for step in range(9) if loss.penalised(step)] == steps


def test_spectral_norm_holds_the_largest_singular_value_of_every_map_at_one():
    torch.manual_seed(0)
    network = DISCRIMINATOR.build(2)  # the last convolution of each block begins at zero
    maps = [m for m in normalised(network).modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for _ in range(60):  # each forward is a step of the power iteration
        network(torch.randn(2, 16, 16), torch.randn(2, 2))
    network.eval()
    assert len(maps) == 10
    for module in maps:
        largest = np.linalg.svd(module.weight.detach().flatten(1).numpy(), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "wasserstein"}, "form is 'wasserstein', expected one of relativistic, hinge, bce"),
        ({"r1": -1.0}, "r1 is -1.0, expected 0 or more"),
        ({"every": 0}, "every is 0, expected 1 or more"),
        ({"real": (0.8, 1.1)}, r"real is \(0.8, 1.1\), expected 0 to 1"),
        ({"fake": (0.3, 0.1)}, r"fake is \(0.3, 0.1\), expected a range in order"),
        ({"form": "bce", "fake": (0.0, 0.8)}, r"fake is \[0.0, 0.8\] and real \[0.8, 1.0\]: labels of fakes are below"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(change, message):
    with pytest.raises(Refused, match=message):
        replace(LOSS, **change)
