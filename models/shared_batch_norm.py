"""Batch normalisation over the recordings of all processes that train together; not a network.

    mean, variance = over the values of a channel in the batches of all processes
    y = (x - mean) / sqrt(variance + eps) * weight + bias

On a GPU it is torch's SyncBatchNorm, which has no form for a CPU; here is one, by sums that all processes add up, in
forward and backward. A process may have more recordings than another. In evaluation it is a plain batch norm.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Summed(torch.autograd.Function):
    """x -> the sum of all processes' x. Each has its part in each one's loss, so gradients are summed as well."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Summed.apply(gradient)


def summed(x: Tensor) -> Tensor:
    """The sum of x over the processes, differentiable; all of them have to come here."""
    return _Summed.apply(x)


class SharedBatchNorm(nn.SyncBatchNorm):
    """Batch norm of (B, C) or (B, C, ...) over the processes; what `share` makes of a batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape. Raises ValueError for fewer than two axes."""
        if x.device.type != "cpu" or not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        mean, variance, count = shared_statistics(x)
        follow_statistics(self, mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is None:
            return ((x - _channels(mean, x)) * _channels(scale, x)).to(x)
        centred = x - _channels(mean, x)
        return (centred * _channels(scale * self.weight, x) + _channels(self.bias, x)).to(x)


def share(network: nn.Module) -> None:
    """Make every batch norm of a network one over the processes. The modules, parameters and names stay."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            module.__class__, module.process_group = SharedBatchNorm, None  # type: ignore[assignment]


def shared_statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance (C,) of (B, C, ...) over all processes, and how many values () a channel has there."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    others = [axis for axis in range(x.ndim) if axis != 1]
    own = torch.full((1,), x.numel() // x.shape[1], dtype=torch.float64, device=x.device)
    sums = [x.sum(others, dtype=torch.float64), x.square().sum(others, dtype=torch.float64)]
    count, first, second = summed(torch.cat([own, *sums])).split([1, x.shape[1], x.shape[1]])
    mean = first / count
    variance = (second / count - mean.square()).clamp(min=0)
    return mean.to(x.dtype), variance.to(x.dtype), count.detach().squeeze()


def follow_statistics(bn: nn.Module, mean: Tensor, variance: Tensor, count: Tensor | int) -> None:
    """Update the running statistics as bn(x) in training does, by the batch's mean and variance of `count` values."""
    with torch.no_grad():
        bn.num_batches_tracked.add_(1)  # type: ignore[operator]
        step = bn.num_batches_tracked.reciprocal().to(mean.dtype) if bn.momentum is None else bn.momentum
        bn.running_mean.lerp_(mean, step)  # type: ignore[arg-type, operator]
        bn.running_var.lerp_((variance * (count / (count - 1))).to(mean.dtype), step)  # type: ignore[arg-type, operator]


def _channels(values: Tensor, x: Tensor) -> Tensor:
    """(C,) -> (1, C, 1, ...), as many axes as x has."""
    return values.view(1, -1, *[1] * (x.ndim - 2))
