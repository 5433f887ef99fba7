"""Short-time Fourier transform and its inverse, of batches and of frames that come in one by one; powers of magnitudes.

Complex numbers are pairs of real ones on the last axis, which also half precision and ONNX know.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POWER_FLOOR = 1e-9  # of bins, below which magnitudes stay in proportion; 16-bit rounding makes 8e-11


class STFT(nn.Module):
    """Spectra of waves, and back. Hann windows; white noise of variance v has bins of variance v.

    Frame t holds the samples from (t + 1) hop - window on, before the first and behind the last zeros; there are
    ceil(samples / hop) + window / hop - 1 of them, so that each sample is in window / hop frames.
    """

    window: Tensor
    dual: Tensor

    def __init__(self, window: int, hop: int):
        super().__init__()
        self.size, self.hop, self.shifts = window, hop, window // hop
        hann = torch.hann_window(window, dtype=torch.float64)
        hann = hann / hann.square().sum().sqrt()
        shares = hann.square().view(self.shifts, hop).sum(0).repeat(self.shifts)  # (window,)
        self.register_buffer("window", hann.float(), persistent=False)
        self.register_buffer("dual", (hann / shares).float(), persistent=False)

    def frames(self, samples: Tensor) -> Tensor:
        """Of waves of these lengths."""
        return (samples + self.hop - 1) // self.hop + self.shifts - 1

    def forward(self, waves: Tensor) -> Tensor:
        """(B, samples) -> (T, B, F, 2), real and imaginary parts."""
        past = self.size - self.hop
        padded = F.pad(waves, (past, past + -waves.shape[1] % self.hop))
        return self.spectra(padded.unfold(1, self.size, self.hop).transpose(0, 1))

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """(T, B, F, 2) -> (B, samples)."""
        parts = self.pieces(spectrum).unflatten(2, (self.shifts, self.hop))  # (T, B, shifts, hop)
        frames, last = len(parts), self.shifts - 1
        blocks = sum(
            parts[last - shift : frames - shift, :, shift] for shift in range(self.shifts)
        )  # (T - last, B, hop)
        return blocks.transpose(0, 1).flatten(1)[:, :samples]

    def spectra(self, frames: Tensor) -> Tensor:
        """(..., window) -> (..., F, 2)."""
        return torch.view_as_real(torch.fft.rfft(frames * self.window))

    def pieces(self, spectrum: Tensor) -> Tensor:
        """(..., F, 2) -> (..., window), to be added up at the frames' places."""
        return torch.fft.irfft(torch.view_as_complex(spectrum), n=self.size) * self.dual


def powered(spectrum: Tensor, exponent: float) -> Tensor:
    """Magnitudes (..., 2) to a power, phases as they were; those below the floor are multiplied as one there is."""
    if exponent == 1:
        return spectrum
    power = spectrum.square().sum(-1, keepdim=True)  # the exporter to ONNX would take a small summand for nothing
    return spectrum * power.clamp(min=POWER_FLOOR) ** ((exponent - 1) / 2)


def magnitudes(spectrum: Tensor) -> Tensor:
    """(..., 2) -> (..., 1); the root is of a sum that is never 0, where it has no slope."""
    return (spectrum.square().sum(-1, keepdim=True) + POWER_FLOOR).sqrt()


def times(one: Tensor, other: Tensor) -> Tensor:
    """The product of complex numbers, (..., 2) each."""
    (a, b), (c, d) = one.unbind(-1), other.unbind(-1)
    return torch.stack([a * c - b * d, a * d + b * c], dim=-1)
