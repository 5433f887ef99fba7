"""Attention whose gradients repeat on a GPU; not a network.

A GPU's fused kernels give other gradients each time. On a CPU, and where no gradients are wanted, torch's attention is
taken as it is.
"""

from __future__ import annotations

import contextlib
import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Scaled dot-product attention: (B, H, N, D) each, and mask (B, 1, 1, N), True where there is a token ->
    (B, H, N, D)."""
    if not fused_would_differ(query):
        return F.scaled_dot_product_attention(query, key, value, mask, dropout)
    scores = (query / math.sqrt(query.shape[3])) @ key.transpose(2, 3)  # (B, H, N, N)
    weights = scores.masked_fill(~mask, -math.inf).softmax(3)
    return F.dropout(weights, dropout).to(value) @ value


def repeatable(tensor: Tensor) -> AbstractContextManager:
    """In it, torch's attention takes its plain form where gradients of `tensor` are wanted on a GPU: for networks that
    are not ours. `attend` is faster in half precision, where torch's plain form computes in float32."""
    return sdpa_kernel(SDPBackend.MATH) if fused_would_differ(tensor) else contextlib.nullcontext()


def fused_would_differ(tensor: Tensor) -> bool:
    """Whether gradients of `tensor` are wanted on a GPU."""
    return tensor.is_cuda and torch.is_grad_enabled()
