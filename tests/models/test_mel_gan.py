"""Generator and discriminator of log-mels: sizes, what a condition does, what a batch does."""

import pytest
import torch
from torch.nn import functional as F

from models import mel_discriminator, mel_generator
from models.mel_discriminator import DiscriminatorConfig, deviation
from models.mel_generator import GeneratorConfig

SMALL = GeneratorConfig(bands=32, frames=48, noise=6, channels=3, cell=4, style=5)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def awake(network):
    """The network with no weight at zero, as training leaves it."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return network


def block(inputs, outputs, style=None):
    """Parameters of a residual block, by hand: skip, first with bias, last without, the style's map."""
    skip = inputs * outputs + outputs if inputs != outputs else 0
    return skip + (9 * inputs * outputs + outputs) + 9 * outputs**2 + (style * outputs + outputs if style else 0)


def test_the_quick_sizes_have_the_parameters_of_their_drawing():
    # generator: 130 -> 64 -> 64, 192 -> 64 * 4 * 8, blocks 64, 32, 16, convolution to 16 values of a cell
    style, first = (130 * 64 + 64) + (64 * 64 + 64), 192 * 64 * 32 + 64 * 32
    blocks = block(64, 64, 64) + block(64, 32, 64) + block(32, 16, 64)
    generator = mel_generator.build(mel_generator.CONFIGS["quick"], 2)
    assert parameters(generator) == style + first + blocks + (9 * 16 * 16 + 16)
    # discriminator: 16 values of a cell to 16, blocks 16, 32, 64, one channel more, logit, projection 2 -> 64 -> 64
    blocks = block(16, 16) + block(16, 32) + block(32, 64)
    rest = (9 * 65 * 64 + 64) + (64 + 1) + (2 * 64 + 64) + 64 * 64
    discriminator = mel_discriminator.build(mel_discriminator.CONFIGS["quick"], 2)
    assert parameters(discriminator) == (9 * 16 * 16 + 16) + blocks + rest


@pytest.mark.parametrize("cell", [2, 4, 8])
@pytest.mark.parametrize(("bands", "frames"), [(16, 16), (32, 48)])
def test_any_size_of_whole_sixteenths_is_made_and_judged(cell, bands, frames):
    config = GeneratorConfig(bands, frames, noise=6, channels=3, cell=cell, style=5)
    made = mel_generator.build(config, 2)(torch.randn(5, 6), torch.randn(5, 2))
    assert made.shape == (5, bands, frames) and made.abs().max() < 1
    judge = mel_discriminator.build(DiscriminatorConfig(channels=3, cell=cell, hidden=4), 2)
    assert judge(made, torch.randn(5, 2)).shape == (5,)


def test_what_is_made_of_one_noise_does_not_depend_on_the_batch():
    network, noise, told = awake(mel_generator.build(SMALL, 2)), torch.randn(4, 6), torch.randn(4, 2)
    alone = torch.cat([network(noise[i : i + 1], told[i : i + 1]) for i in range(4)])
    assert torch.allclose(network(noise, told), alone, atol=1e-5)


def test_noise_and_condition_both_change_what_is_made():
    network, noise, told = awake(mel_generator.build(SMALL, 2)), torch.randn(4, 6), torch.randn(4, 2)
    for changed in (network(noise.roll(1, 0), told), network(noise, told.roll(1, 0))):
        assert (changed - network(noise, told)).abs().mean() > 1e-2


def test_gradients_reach_every_parameter_of_both():
    generator, judge = awake(mel_generator.build(SMALL, 2)), DiscriminatorConfig(channels=3, cell=4, hidden=4)
    judge, told = awake(mel_discriminator.build(judge, 2)), torch.randn(4, 2)
    F.softplus(-judge(generator(torch.randn(4, 6), told), told)).mean().backward()
    for network in (generator, judge):
        assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_a_logit_is_linear_in_what_the_condition_is_mapped_to():
    judge = awake(mel_discriminator.build(DiscriminatorConfig(channels=3, cell=4, hidden=4), 2))
    shown, none = torch.randn(3, 32, 48), torch.zeros(3, 2)
    projected = judge.projection(none)
    judge.projection = torch.nn.Identity()
    with torch.no_grad():
        width = judge.logit.in_features
        parts = [judge(shown, factor * torch.ones(3, width)) for factor in (0.0, 1.0, 3.0)]
    assert torch.allclose(parts[2] - parts[0], 3 * (parts[1] - parts[0]), atol=1e-4) and projected.shape == (3, width)


def test_the_deviation_over_the_batch_by_hand():
    # of -1, 1 and of 0, 4 at two places: deviations 1 and 2, mean 1.5
    maps = torch.tensor([[[[-1.0, 0.0]]], [[[1.0, 4.0]]]])
    assert deviation(maps).flatten().tolist() == pytest.approx([1.5] * 4)
    assert deviation(maps[:1]).abs().max() < 1e-3  # of one there is none


def test_a_batch_of_one_thing_is_told_by_its_deviation():
    judge, one = awake(mel_discriminator.build(DiscriminatorConfig(3, 4, 4), 2)), torch.randn(1, 32, 48)
    several = torch.cat([one, torch.randn(3, 32, 48)])
    told = torch.zeros(4, 2)
    assert (judge(several, told)[0] - judge(one.expand(4, -1, -1), told)[0]).abs() > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": 40}, "bands is 40 and frames 48: expected multiples of 16"),
        ({"frames": 0}, "frames 0: expected multiples of 16"),
        ({"cell": 3}, "cell is 3: expected one of 2, 4, 8"),
        ({"noise": 0}, "expected noise, channels and style of 1 or more"),
    ],
)
def test_a_generator_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GeneratorConfig(**vars(SMALL) | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": 16}, "cell is 16: expected one of 2, 4, 8"),
        ({"hidden": 0}, "expected channels and hidden of 1 or more"),
    ],
)
def test_a_discriminator_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DiscriminatorConfig(**{"channels": 3, "cell": 4} | change)
