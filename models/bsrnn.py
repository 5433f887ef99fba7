"""Band-split RNN (BSRNN): a mask and a residual for a noisy spectrum, by recurrences over time and over bands in turns.

    waves (B, samples)
      STFT             a frame every `hop` samples; real and imaginary parts X, magnitudes to the power `compression`
      band split       norm, linear map of each band's bins -> N features a band
      `layers` times   norm, LSTM over time, linear map, added to what went in
                       norm, bidirectional LSTM over bands (or attention), linear map, added to what went in
      mask decoder     of each band: norm, linear map, tanh, linear map, GLU -> mask M; another one -> residual R
      Y = M X + R      complex, each bin for itself; magnitudes back, inverse STFT
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
from torch.nn import functional as F

from models.stft import STFT, powered, times

RATE = 16_000  # Hz
NORMS = ("group", "layer", "batch")
BAND_MODELS = ("lstm", "attention")
EPS = 1e-8  # of variances
WIDE = (2, *[3] * 10, *[8] * 12, *[16] * 7, 17)  # bins of 31.25 Hz; about 1 kHz in bands of 94 Hz, then 250, then 500

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
CONFIGS = {
    "tiny": TINY,
    "tiny_half": replace(TINY, hop=256),  # half of the frames, in half of the time
    "small": SMALL,
    "paper": PAPER,
    "tiny_causal": replace(TINY, causal=True),
    "small_causal": replace(SMALL, causal=True),
    "paper_causal": replace(PAPER, causal=True, norm="batch"),
}


class Norm(nn.Module):
    """To mean 0 and variance 1 over `axes` of (T, B, K, C), of the features that are held: (K, C) or (1, C)."""

    def __init__(self, axes: tuple[int, ...], held: Tensor):
        super().__init__()
        self.axes = axes
        self.register_buffer("held", held.float(), persistent=False)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, C), valid (T, B) -> the same; what is not held, and frames that are not valid, are zero."""
        weights = self.held if valid is None else self.held * valid[:, :, None, None]
        weights = weights.expand_as(features)
        count = weights.sum(self.axes, keepdim=True).clamp(min=1)
        centred = (features - (features * weights).sum(self.axes, keepdim=True) / count) * weights
        variance = centred.square().sum(self.axes, keepdim=True) / count
        return centred * (variance + EPS).rsqrt()


class BatchNorm(nn.Module):
    """Batch norm of each of the last `axes` axes' features, over valid frames."""

    def __init__(self, features: int, axes: int):
        super().__init__()
        self.axes, self.norm = axes, nn.BatchNorm1d(features, affine=False)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, C), valid (T, B) -> the same."""
        if valid is None or not self.training:
            return self.norm(features.flatten(-self.axes).flatten(0, -2)).view_as(features)
        heard = features[valid]  # (frames, K, C)
        normed = self.norm(heard.flatten(-self.axes).flatten(0, -2)).view_as(heard)
        return torch.zeros_like(features).index_put((valid,), normed)


def band_norm(kind: str, held: Tensor) -> nn.Module:
    """Of each band for itself; held (K, C): which of its features there are."""
    if kind == "batch":
        return BatchNorm(held.numel(), axes=2)
    return Norm((0, 3) if kind == "group" else (3,), held)


def shared_norm(kind: str, channels: int) -> nn.Module:
    """Of all bands alike."""
    if kind == "batch":
        return BatchNorm(channels, axes=1)
    return Norm((0, 2, 3) if kind == "group" else (3,), torch.ones(1, channels))


class Bands:
    """Where bins lie. K bands, of which the widest has W bins.

    places  (K, W): the bins of each band; behind those of a narrower one the number of bins, which is none of them
    within  (F,): where each bin lies among K W
    """

    def __init__(self, widths: Sequence[int]):
        bins, widest = sum(widths), max(widths)
        self.count = len(widths)
        self.places = torch.full((len(widths), widest), bins)
        start = 0
        for row, width in zip(self.places, widths, strict=True):
            row[:width] = torch.arange(start, start + width)
            start += width
        self.held = self.places < bins  # (K, W)
        self.within = self.held.flatten().nonzero().flatten()


def uniform(*shape: int, fan_in: Tensor) -> nn.Parameter:
    """Uniform up to 1 / sqrt(fan in), as linear maps of torch begin; fan_in: of each row."""
    bound = fan_in.float().rsqrt().view(-1, *[1] * (len(shape) - 1))
    return nn.Parameter((2 * torch.rand(shape) - 1) * bound)


class BandSplit(nn.Module):
    """Features of each band from its bins, all bands in one product: bins are gathered into bands of one width."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        bands, widths = Bands(config.bands), torch.tensor(config.bands)
        self.register_buffer("places", bands.places, persistent=False)
        self.norm = band_norm(config.norm, bands.held.repeat_interleave(2, dim=1))
        self.weight = uniform(config.bins, 2, config.channels, fan_in=2 * widths.repeat_interleave(widths))
        self.bias = uniform(bands.count, config.channels, fan_in=2 * widths)

    def forward(self, spectrum: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, F, 2), (T, B) -> (T, B, K, N)."""
        frames, batch = spectrum.shape[:2]
        bins = F.pad(spectrum, (0, 0, 0, 1))[:, :, self.places].flatten(-2)  # (T, B, K, 2 W)
        bins = self.norm(bins, valid).permute(2, 0, 1, 3).flatten(1, 2)  # (K, T B, 2 W)
        weight = F.pad(self.weight, (0, 0, 0, 0, 0, 1))[self.places].flatten(1, 2)  # (K, 2 W, N)
        features = torch.baddbmm(self.bias[:, None], bins, weight)  # (K, T B, N)
        return features.transpose(0, 1).contiguous().view(frames, batch, *self.bias.shape)


class BandDecoder(nn.Module):
    """`values` numbers of each bin from the features of its band, all bands in one product; they begin at `first`."""

    def __init__(self, config: BSRNNConfig, values: int, first: Tensor):
        super().__init__()
        bands = Bands(config.bands)
        self.register_buffer("places", bands.places, persistent=False)
        self.register_buffer("within", bands.within, persistent=False)
        self.norm = band_norm(config.norm, torch.ones(bands.count, config.channels))
        of_band = torch.full((bands.count,), config.channels)
        self.hidden = uniform(bands.count, config.channels, config.decoder, fan_in=of_band)
        self.hidden_bias = uniform(bands.count, config.decoder, fan_in=of_band)
        of_bin = torch.full((config.bins,), config.decoder)
        self.weight = uniform(config.bins, config.decoder, 2 * values, fan_in=of_bin)
        gated = torch.cat([2 * first, torch.zeros(values)])  # half of it passes a gate that begins at 0
        self.bias = nn.Parameter(gated.repeat(config.bins, 1))

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (T, B, F, values)."""
        frames, batch = features.shape[:2]
        flat = self.norm(features, valid).permute(2, 0, 1, 3).flatten(1, 2)  # (K, T B, N)
        hidden = torch.tanh(torch.baddbmm(self.hidden_bias[:, None], flat, self.hidden))  # (K, T B, H)
        weight = F.pad(self.weight, (0, 0, 0, 0, 0, 1))[self.places]  # (K, W, H, 2 values)
        bias = F.pad(self.bias, (0, 0, 0, 1))[self.places].flatten(1)  # (K, W 2 values)
        made = torch.baddbmm(bias[:, None], hidden, weight.transpose(1, 2).flatten(2))  # (K, T B, W 2 values)
        gated = F.glu(made.unflatten(2, (self.places.shape[1], -1)))  # (K, T B, W, values)
        bins = gated.transpose(0, 1).flatten(1, 2)[:, self.within]  # (T B, F, values)
        return bins.unflatten(0, (frames, batch))


class TimeRecurrence(nn.Module):
    """Norm, LSTM over time of each band alike, a linear map; backward in time too where it is not causal."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.norm = shared_norm(config.norm, config.channels)
        self.ahead = nn.LSTM(config.channels, config.hidden)
        self.back = None if config.causal else nn.LSTM(config.channels, config.hidden)
        self.out = nn.Linear(config.hidden * (1 if config.causal else 2), config.channels)

    def forward(
        self, features: Tensor, valid: Tensor | None, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(T, B, K, N), (T, B), state of the LSTM before -> (T, B, K, N) to add, and its state behind."""
        normed = self.norm(features, valid).flatten(1, 2)  # (T, B K, N)
        hidden, state = self.ahead(normed, state)
        if self.back is not None:
            places = mirror(features.shape, valid)
            turned = normed.flip(0) if places is None else normed.gather(0, places.expand_as(normed))
            back = self.back(turned)[0]
            back = back.flip(0) if places is None else back.gather(0, places.expand_as(back))
            hidden = torch.cat([hidden, back], dim=2)  # (T, B K, 2 hidden)
        return self.out(hidden).view_as(features), state


def mirror(shape: torch.Size, valid: Tensor | None) -> Tensor | None:
    """(T, B K, 1): the place of each frame in its recording reversed, of (T, B, K, N); None where all are as long."""
    if valid is None:
        return None
    time = torch.arange(len(valid), device=valid.device)[:, None]  # (T, 1)
    places = torch.where(valid, valid.sum(0) - 1 - time, time)  # (T, B)
    return places.repeat_interleave(shape[2], dim=1)[:, :, None]


class BandRecurrence(nn.Module):
    """Norm, bidirectional LSTM over the bands of a frame, a linear map."""

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.norm = shared_norm(config.norm, config.channels)
        self.lstm = nn.LSTM(config.channels, config.hidden, bidirectional=True)
        self.out = nn.Linear(2 * config.hidden, config.channels)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (T, B, K, N) to add."""
        bands = self.norm(features, valid).permute(2, 0, 1, 3).flatten(1, 2)  # (K, T B, N)
        hidden = self.out(self.lstm(bands)[0])  # (K, T B, N)
        return hidden.transpose(0, 1).reshape(features.shape)


class BandAttention(nn.Module):
    """Norm, self-attention among the bands of a frame (Vaswani et al., NeurIPS 2017), a linear map.

    It needs no code of places: each band's features begin with a bias of its own.
    """

    def __init__(self, config: BSRNNConfig):
        super().__init__()
        self.heads = config.heads
        self.norm = shared_norm(config.norm, config.channels)
        self.parts = nn.Linear(config.channels, 3 * config.channels)
        self.out = nn.Linear(config.channels, config.channels)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """(T, B, K, N), (T, B) -> (T, B, K, N) to add."""
        parts = self.parts(self.norm(features, valid)).flatten(0, 1)  # (T B, K, 3 N)
        heads = parts.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, T B, heads, K, N / heads)
        heard = F.scaled_dot_product_attention(*heads)  # (T B, heads, K, N / heads)
        return self.out(heard.transpose(1, 2).flatten(2)).view_as(features)


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
            decoder(features, valid).float().unflatten(3, (self.outputs, 2)) for decoder in (self.mask, self.residual)
        )  # (T, B, F, outputs, 2)
        enhanced = times(mask, noisy.unsqueeze(3)) + residual
        return powered(enhanced, 1 / self.config.compression), behind


def check_waves(waves: Tensor) -> None:
    if waves.ndim != 2 or not waves.is_floating_point() or waves.shape[1] < 1:
        found = f"{waves.dtype} of shape {tuple(waves.shape)}"
        raise ValueError(f"expected float waves of shape (B, samples) of at least 1 sample, got {found}")


def build(config: BSRNNConfig, outputs: int) -> BSRNN:
    """See `models`."""
    return BSRNN(config, outputs)
