"""Band-split RNN (BSRNN): a mask and a residual for a noisy spectrum, by recurrences over time and over bands in turns.

    waves (B, samples)
      STFT             a frame every `hop` samples; real and imaginary parts X, magnitudes to the power `compression`
      band split       norm, linear map of each band's bins -> N features a band
      `layers` times   norm, LSTM over time, linear map, added to what went in
                       norm, bidirectional LSTM over bands (or attention), linear map, added to what went in
      mask decoder     of each band: norm, linear map, tanh, linear map, GLU -> mask M; another one -> residual R
      Y = M X + R      complex, each bin for itself, and 0 in a frame of digital silence; magnitudes back, inverse STFT
    waves (B, samples)

Source: Luo and Yu, "Music Source Separation with Band-split RNN", IEEE/ACM TASLP 31 (2023), arXiv 2209.15174, and Yu,
Chen, Luo, Gu and Weng, "High Fidelity Speech Enhancement with Band-split RNN", Interspeech 2023, arXiv 2212.00406. The
two recurrences take turns, as in the papers and in espnet (espnet2/enh/layers/bsrnn.py); sungwon23/BSRNN, whose figures
on VoiceBank+DEMAND are published, runs all of one kind before all of the other. Bands at 16 kHz are those of that
program.

Departures:
  norms have no gain and bias: a linear map follows each of them, and can do the same;
  weights start so that the mask is 1 and the residual near 0: an untrained network passes the wave on;
  compression (ours; exponent 1, none, in the sizes "paper") makes quiet bins count, as in the losses;
  magnitudes (ours, a choice) go into the split beside real and imaginary parts. Of parts alone a network has to learn
  first what a magnitude is, which takes longer than all that the default system is trained for;
  attention over bands (ours) is a choice, beside the papers' recurrence;
  frames are cut so that every sample is in the same number of them, beyond both ends too, where the wave is zero. So
  they are those that a stream cuts, and a recording is as long as it was, from one sample on;
  the size "paper" has the width and depth of sungwon23/BSRNN (N = 64, 5 layers), which trains on one GPU.

Causal sizes have no recurrence backward in time, and norms that hear one frame (layer) or none (batch, whose statistics
are fixed in evaluation); models/bsrnn_stream.py runs them hop by hop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from models.bsrnn_parts import BandAttention, BandDecoder, BandRecurrence, BandSplit, TimeRecurrence
from models.stft import STFT, powered, times

RATE = 16_000  # Hz
NORMS = ("group", "layer", "batch")
BAND_MODELS = ("lstm", "attention")
WIDE = (2, *[3] * 10, *[8] * 12, *[16] * 7, 17)  # bins of 31.25 Hz; about 1 kHz in bands of 94 Hz, then 250, then 500
MIDDLE = (*[4] * 8, *[8] * 6, *[16] * 4, *[32] * 3, 17)  # 22 bands, 125 Hz wide at first, then twice, 4, 8 times
COARSE = (*[5] * 6, *[10] * 4, *[20] * 3, *[40] * 2, 47)  # 16 bands, about 156 Hz wide at first, then twice, 4, 8 times

States = Sequence[tuple[Tensor, Tensor]]  # of each layer's LSTM over time: h and c, (1, B K, hidden)


@dataclass(frozen=True)
class BSRNNConfig:
    """channels     N, features of a band
    layers       pairs of recurrences
    hidden       units of the recurrences, in each direction; 2 N in the papers
    decoder      hidden units of the mask decoder of a band; 4 N in the papers
    norm         group: over all of a recording, all of its bands too between split and decoder; layer: over the
                 features of a band in a frame; batch
    causal       nothing is heard before it sounds, but for the frame that it is in
    bands        their widths in bins, from 0 Hz up
    band_model   lstm, or attention with `heads` heads
    compression  exponent of magnitudes, 1 for none
    magnitudes   whether the split hears them too, normed apart from real and imaginary parts
    window, hop  of the STFT, samples
    """

    channels: int
    layers: int
    hidden: int
    decoder: int
    norm: str
    causal: bool
    bands: tuple[int, ...] = WIDE
    band_model: str = "lstm"
    heads: int = 4
    compression: float = 0.3
    magnitudes: bool = False
    window: int = 512
    hop: int = 128

    def __post_init__(self) -> None:
        sizes = (self.channels, self.layers, self.hidden, self.decoder, self.heads, self.hop, *self.bands)
        if min(sizes) < 1:
            raise ValueError(f"{self}: expected every size to be 1 or more")
        if self.norm not in NORMS or self.band_model not in BAND_MODELS:
            choices = f"norm {self.norm!r}, band_model {self.band_model!r}"
            raise ValueError(f"{choices}: expected one of {', '.join(NORMS)}; one of {', '.join(BAND_MODELS)}")
        if self.causal and self.norm == "group":
            raise ValueError(
                "norm 'group' hears the whole recording, so the network is not causal: expected layer, batch"
            )
        if self.window % 2 or self.window % self.hop or self.window == self.hop:
            raise ValueError(f"window {self.window}, hop {self.hop}: expected an even window of two hops or more")
        if sum(self.bands) != self.bins:
            raise ValueError(f"bands hold {sum(self.bands)} bins, a window of {self.window} samples has {self.bins}")
        if self.channels % self.heads:
            raise ValueError(f"channels {self.channels}, heads {self.heads}: expected a multiple")
        if not 0 < self.compression <= 1:
            raise ValueError(f"compression {self.compression}: expected above 0, 1 at most")

    @property
    def bins(self) -> int:
        """Of a spectrum."""
        return self.window // 2 + 1


TINY = BSRNNConfig(channels=24, layers=2, hidden=24, decoder=24, norm="batch", causal=False)
SMALL = BSRNNConfig(channels=32, layers=3, hidden=32, decoder=32, norm="batch", causal=False)
PAPER = BSRNNConfig(channels=64, layers=5, hidden=128, decoder=256, norm="group", causal=False, compression=1.0)
QUICK = BSRNNConfig(
    channels=48,
    layers=2,
    hidden=48,
    decoder=48,
    norm="group",
    causal=False,
    bands=COARSE,
    magnitudes=True,
    hop=256,
)
BASE = replace(QUICK, channels=64, layers=3, hidden=64, decoder=64, bands=MIDDLE, hop=128)
CONFIGS = {
    "tiny": TINY,
    "quick": QUICK,  # learns most in a few minutes of two CPU cores
    "small": SMALL,
    "base": BASE,  # the same for a GPU
    "paper": PAPER,
    "tiny_causal": replace(TINY, causal=True),
    "small_causal": replace(SMALL, causal=True),
    "paper_causal": replace(PAPER, causal=True, norm="batch"),
}


class BSRNN(nn.Module):
    """waves (B, samples), lengths (B,) -> waves (B, samples), or (B, outputs, samples) where there are several."""

    TAKES = "waves"

    def __init__(self, config: BSRNNConfig, outputs: int = 1):
        super().__init__()
        self.config, self.outputs = config, outputs
        self.stft = STFT(config.window, config.hop)
        self.split = BandSplit(config)
        over_bands = {"lstm": BandRecurrence, "attention": BandAttention}[config.band_model]
        self.over_time = nn.ModuleList(TimeRecurrence(config) for _ in range(config.layers))
        self.over_bands = nn.ModuleList(over_bands(config) for _ in range(config.layers))
        one = torch.tensor([1.0, 0.0]).repeat(outputs)
        self.mask = BandDecoder(config, 2 * outputs, first=one)
        self.residual = BandDecoder(config, 2 * outputs, first=0 * one)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Waves at 16 kHz, full scale 1; behind a recording's length, what goes in has no effect, and zeros come out.

        Raises ValueError unless `waves` are float, (B, samples), of at least one sample.
        """
        check_waves(waves)
        samples = waves.shape[1]
        inside = torch.arange(samples, device=waves.device) < lengths[:, None]  # (B, samples)
        spectrum = self.stft(waves * inside)
        valid = self.valid(lengths, len(spectrum))
        enhanced, _ = self.enhance(spectrum, valid, None)  # (T, B, F, outputs, 2)
        made = self.stft.inverse(enhanced.permute(0, 1, 3, 2, 4).flatten(1, 2), samples)  # (B outputs, samples)
        made = made.unflatten(0, (-1, self.outputs)) * inside[:, None]
        return made.squeeze(1) if self.outputs == 1 else made

    def valid(self, lengths: Tensor, frames: int) -> Tensor | None:
        """Which frames (T, B) hold something of their recording; None where all do."""
        of_each = self.stft.frames(lengths)
        if bool((of_each >= frames).all()):
            return None
        return torch.arange(frames, device=lengths.device)[:, None] < of_each

    def enhance(
        self, spectrum: Tensor, valid: Tensor | None, states: States | None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Spectrum (T, B, F, 2), valid (T, B) -> (T, B, F, outputs, 2), and the layers' states behind its frames."""
        noisy = powered(spectrum, self.config.compression)
        features = self.split(noisy, valid)  # (T, B, K, N)
        behind = []
        for i, (over_time, over_bands) in enumerate(zip(self.over_time, self.over_bands, strict=True)):
            added, state = over_time(features, valid, None if states is None else states[i])
            features = features + added
            features = features + over_bands(features, valid)
            behind.append(state)
        mask, residual = (
            decoder(features, valid).float().unflatten(0, (self.outputs, 2)).movedim((0, 1), (3, 4))
            for decoder in (self.mask, self.residual)
        )  # (T, B, F, outputs, 2)
        sounding = noisy.abs().amax((2, 3)) > 0  # (T, B): digital silence stays what it is, whatever the residual
        enhanced = (times(mask, noisy.unsqueeze(3)) + residual) * sounding[..., None, None, None]
        return powered(enhanced, 1 / self.config.compression), behind


def check_waves(waves: Tensor) -> None:
    if waves.ndim != 2 or not waves.is_floating_point() or waves.shape[1] < 1:
        found = f"{waves.dtype} of shape {tuple(waves.shape)}"
        raise ValueError(f"expected float waves of shape (B, samples) of at least 1 sample, got {found}")


def build(config: BSRNNConfig, outputs: int) -> BSRNN:
    """See `models`."""
    return BSRNN(config, outputs)
