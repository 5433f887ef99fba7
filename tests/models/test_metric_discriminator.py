"""The metric discriminator against its formula, written with numpy's singular values and plain convolutions."""

import functools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.metric_discriminator import CONFIGS, DiscriminatorConfig, MetricDiscriminator, build


def magnitudes(seed, frames=40):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 257, frames, generator=generator)


@functools.cache
def settled(outputs=1):
    """A network whose spectral norms have found their singular values, in evaluation mode."""
    torch.manual_seed(0)
    network = build(DiscriminatorConfig(channels=4), outputs).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
        for _ in range(100):  # each is a step of the power iteration
            network(magnitudes(1, 17), magnitudes(2, 17))
    return network.eval()


def normal(parametrized):
    """A weight over its largest singular value, as a matrix (outputs, all else)."""
    weight = parametrized.parametrizations.weight.original.detach()
    largest = np.linalg.svd(weight.flatten(1).double().numpy(), compute_uv=False)[0]
    return weight / largest


@torch.no_grad()
def plain(network, reference, judged):
    maps = torch.stack([reference, judged], 1)
    for kernel, norm, activation in network.convolutions:
        maps = F.conv2d(maps, normal(kernel), stride=2, padding=1)
        centred = maps - maps.mean((2, 3), keepdim=True)
        maps = centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
        maps = maps * norm.weight[:, None, None] + norm.bias[:, None, None]
        maps = torch.where(maps > 0, maps, maps * activation.weight[:, None, None])
    pooled = maps.flatten(2).max(2).values
    first, _, activation, last = network.head
    hidden = pooled @ normal(first).T + first.bias
    hidden = torch.where(hidden > 0, hidden, hidden * activation.weight)
    return 1.2 / (1 + torch.exp(-network.slope * (hidden @ normal(last).T + last.bias)))


@pytest.mark.parametrize("outputs", [1, 3])
def test_outputs_are_those_of_the_formula(outputs):
    network, pair = settled(outputs), (magnitudes(3), magnitudes(4))
    with torch.no_grad():
        given = network(*pair)
    assert given.shape == (3, outputs) and given.std() > 1e-3
    np.testing.assert_allclose(given, plain(network, *pair), atol=1e-4)  # what 100 steps leave of the power iteration


def test_it_has_the_parameters_of_cmgan():
    # By hand: kernels of 16 * (2 * 16 + 16 * 32 + 32 * 64 + 64 * 128), 3 * 240 of norms and PReLUs, linear maps of
    # 128 * 64 + 64 and 64 + 1, a PReLU of 64, a slope.
    found = sum(parameter.numel() for parameter in build(CONFIGS["cmgan"], 1).parameters())
    assert found == 16 * (32 + 512 + 2048 + 8192) + 720 + 8256 + 65 + 64 + 1 == 181_650


def test_reference_and_judged_have_places_of_their_own():
    network = settled()
    with torch.no_grad():
        there, back = network(magnitudes(3), magnitudes(4)), network(magnitudes(4), magnitudes(3))
    assert float((there - back).abs().max()) > 1e-4


def test_a_pair_is_judged_alone():
    network, pair = settled(), (magnitudes(3), magnitudes(4))
    with torch.no_grad():
        one_by_one = torch.cat([network(a[None], b[None]) for a, b in zip(*pair, strict=True)])
        np.testing.assert_allclose(network(*pair), one_by_one, atol=1e-5)


@pytest.mark.parametrize("frames", [MetricDiscriminator.FRAMES, 250])
def test_gradients_reach_what_is_judged_and_every_parameter(frames):
    torch.manual_seed(0)
    network, judged = build(CONFIGS["half"], 2).train(), magnitudes(4, frames).requires_grad_()
    network(magnitudes(3, frames), judged).sum().backward()
    assert judged.grad.abs().max() > 0
    without = [name for name, parameter in network.named_parameters() if not parameter.grad.abs().max() > 0]
    assert without == ["convolutions.3.2.weight"]  # it is of negative values, and the maximum of a map is positive


@pytest.mark.parametrize("size", [{"channels": 0}, {"channels": 4, "dropout": 1.0}, {"channels": 4, "top": 0.0}])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match="expected 1 channel or more"):
        DiscriminatorConfig(**size)
