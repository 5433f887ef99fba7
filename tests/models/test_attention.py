"""Attention in the form that a GPU gets, on the CPU: torch's values and gradients."""

import pytest
import torch

from models import attention

SHAPE = (2, 3, 7, 4)
MASK = torch.tensor([[True] * 7, [True] * 5 + [False] * 2])[:, None, None]


def tensors():
    torch.manual_seed(0)
    return [torch.randn(SHAPE, requires_grad=True) for _ in range(3)]


def both(monkeypatch, mask, dropout=0.0):
    """Output and gradients, by torch's kernel and in the plain form."""
    found = []
    for plain in (False, True):
        monkeypatch.setattr(attention, "fused_would_differ", lambda tensor, plain=plain: plain)
        given = tensors()
        output = attention.attend(*given, mask, dropout)
        found.append([output, *torch.autograd.grad(output.square().sum(), given)])
    return zip(*found, strict=True)


@pytest.mark.parametrize("mask", [MASK, MASK[:1].expand_as(MASK)])
def test_the_plain_form_gives_what_the_kernel_gives(monkeypatch, mask):
    for theirs, plain in both(monkeypatch, mask):
        torch.testing.assert_close(plain, theirs)


def test_padding_is_not_attended_to(monkeypatch):
    monkeypatch.setattr(attention, "fused_would_differ", lambda tensor: True)
    query, key, value = tensors()
    other = [tensor.detach().clone() for tensor in (key, value)]
    for tensor in other:
        tensor[1, :, 5:] += 100
    assert torch.equal(attention.attend(query, key, value, MASK, 0.0), attention.attend(query, *other, MASK, 0.0))


def test_dropout_is_of_the_weights(monkeypatch):
    monkeypatch.setattr(attention, "fused_would_differ", lambda tensor: True)
    query, key, _ = tensors()
    given = torch.zeros(SHAPE)
    given[..., 0] = 1
    kept = torch.stack([attention.attend(query, key, given, MASK, 0.5)[..., 0] for _ in range(400)])
    assert kept.std(0).min() > 0.05 and (kept.mean(0) - 1).abs().max() < 0.2


def test_without_gradients_and_on_the_cpu_it_is_torchs():
    assert not attention.fused_would_differ(torch.zeros(1, requires_grad=True))
