"""Every form against torch's own modules, in float64: only rounding may differ."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import cpu_convolution
from models.aasist import FirstBlock, sinc_bank
from models.cpu_convolution import TILE


def first_block() -> FirstBlock:
    torch.manual_seed(0)
    return FirstBlock(16).double()


def plain(block):
    """The block by its definition: torch's convolutions, batch normalisation and pooling over the whole input."""

    def forward(x):
        x = x.unsqueeze(1)
        hidden = F.selu(block.bn2(block.conv1(x)))
        return F.max_pool2d(block.conv2(hidden) + block.conv_downsample(x), (1, 3))

    return forward


def noise(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_every_number_of_frames_left_over_by_a_tile_gives_the_convolution_itself():
    block = first_block().eval()
    block.bn2.running_mean.fill_(0.3)
    for frames in (3, 4, 5, TILE - 1, TILE, TILE + 1, TILE + 2, TILE + 3, 2 * TILE, 2 * TILE + 4):
        x = torch.randn(2, 23, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
        torch.testing.assert_close(block(x), plain(block)(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("stride", "pool"), [(1, 3), (4, 3), (3, 2)])
def test_the_front_end_by_stretches_is_the_convolution_itself(stride, pool):
    bank = sinc_bank(70).double()
    for samples in (131 + 5 * stride, 1000, 7001):
        wave = torch.randn(2, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(samples))
        bands = F.conv1d(wave.unsqueeze(1), bank.unsqueeze(1), stride=stride).abs()
        expected = F.max_pool2d(bands.unsqueeze(1), pool).squeeze(1)
        actual = cpu_convolution.pooled_bands(wave, bank, stride, pool)
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_a_training_step_of_the_first_block_has_the_gradients_of_the_plain_one():
    ours, x = first_block().train(), noise(2, 23, 2 * TILE + 40).requires_grad_()
    theirs, y = copy.deepcopy(ours), x.detach().clone().requires_grad_()
    ours(x).square().sum().backward()
    plain(theirs)(y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-9, atol=1e-9)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        # the gradient of conv1's bias is zero: batch normalisation takes every bias away
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-8, msg=name)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_normalised_is_the_convolution_then_the_normalisation(training, momentum):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, (2, 3), padding=(1, 1)).double()
    bn = nn.BatchNorm2d(5, momentum=momentum).double()
    bn.running_var.uniform_(0.5, 1.5)
    bn.weight.data.uniform_(0.5, 1.5)
    bn.train(training)
    reference, x = copy.deepcopy(bn), noise(2, 3, 6, 40)
    actual = cpu_convolution.normalised(x, conv, bn)
    torch.testing.assert_close(actual, reference(conv(x)), rtol=0, atol=1e-12)
    assert_same_buffers(bn, reference)


@pytest.mark.parametrize("training", [True, False])
def test_to_follow_is_to_normalise_without_the_output(training):
    bn = nn.BatchNorm2d(3).double().train(training)
    reference, x = copy.deepcopy(bn), 3 + noise(2, 3, 6, 40)
    cpu_convolution.follow(x, bn)
    reference(x)
    assert_same_buffers(bn, reference)
    assert int(bn.num_batches_tracked) == training


def assert_same_buffers(bn, reference):
    for (name, ours), theirs in zip(bn.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12, msg=name)


def test_training_statistics_across_tiles_are_those_of_batch_normalisation():
    block = first_block().train()
    x = torch.randn(2, 23, 2500, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    reference = nn.BatchNorm2d(16).double()
    reference(F.conv2d(x.unsqueeze(1), block.conv1.weight, block.conv1.bias, padding=(1, 1)))
    block(x)
    torch.testing.assert_close(block.bn2.running_mean, reference.running_mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(block.bn2.running_var, reference.running_var, rtol=0, atol=1e-12)
    block.bn2.momentum = None  # the cumulative average, as swa_utils.update_bn asks for
    block.bn2.reset_running_stats()
    block(x)
    torch.testing.assert_close(block.bn2.running_mean, 10 * reference.running_mean, rtol=0, atol=1e-12)


def test_batch_normalisation_has_the_right_gradients():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor([0.1, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *inputs: cpu_convolution.BatchNormalisation.apply(*inputs, 1e-5)[0], (x, weight, bias)
    )


def test_the_variance_of_many_values_far_from_zero_keeps_its_digits():
    x = 3 + torch.randn(2, 4, 24, 21_490, generator=torch.Generator().manual_seed(2))
    x = x.contiguous(memory_format=torch.channels_last)
    mean, variance = cpu_convolution.channel_statistics(x)
    torch.testing.assert_close(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), x.double().var((0, 2, 3), correction=0), rtol=1e-5, atol=0)
