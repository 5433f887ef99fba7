"""Log-mel, MFCC and Kaldi's fbank features of batches of recordings, their deltas, and cepstral mean and variance
normalisation.

    waves (B, N), lengths -> power (B, bins, T) -> log mel (B, bands, T) -> [DCT] -> [deltas] -> [CMVN] (B, F, T)

A recording of n samples has n // hop + 1 frames; frame t is centred on sample t * hop and beyond the recording's ends
there are zeros (as in `voxdag.audio.spectra`). Frames of fbank are Kaldi's: frame t begins at sample t * hop, and those
are taken that end within the recording, (n - window) // hop + 1; of a shorter one the first, with zeros behind it. What
lies behind a recording in its batch is never seen: the features of a recording are the same alone and in any batch (up
to rounding), and its padded frames are exactly zero.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
import torchaudio.compliance.kaldi as kaldi
import torchaudio.functional as AF
from torch import Tensor, nn

from voxdag.core import bounds
from voxdag.core.errors import Refused

KINDS = ("log_mel", "mfcc", "fbank")
CMVN = ("none", "utterance", "recording", "speaker")
ALONE = ("utterance", "recording")  # kinds of CMVN that look at no other recording
DELTAS = (0, 1, 2)
DELTA_FRAMES = 5  # of the regression: two frames to either side
LOG_FLOOR = 1e-8  # power added before the log: a bin's share of 16-bit rounding noise (2^-30 / 12 times sum(window^2))
PREEMPHASIS, FBANK_FLOOR, FBANK_BANDS = 0.97, torch.finfo(torch.float32).eps, 4  # Kaldi's: also the fewest bands
MIN_STD = 1e-3  # a row that varies less (digital silence, a single frame) is not blown up


@dataclass(frozen=True)
class Acoustic:
    """What is computed from a recording.

    kind          log_mel: natural log of mel band power; mfcc: its orthonormal DCT-II; fbank: log_mel as Kaldi has it,
                  with the settings of AST (see `Extractor.fbank`)
    bands         mel bands from low_hz to high_hz
    coefficients  of mfcc, C0 included (the others have none and do not look at it)
    window_ms     of the periodic Hamming window; it is centred in the next power of two (25 ms at 16 kHz: 400 in 512).
                  Of fbank it is a symmetric Hann window
    hop_ms        between frames
    deltas        0, 1 (static and delta) or 2 (and delta-delta)
    cmvn          none; utterance, each row over a recording's own frames; recording, all rows alike, so that the shape
                  of its spectrum stays; speaker, each row over all of its speaker's recordings

    Raises Refused for a value outside these.
    """

    kind: str
    bands: int
    coefficients: int
    window_ms: float
    hop_ms: float
    low_hz: float
    high_hz: float
    deltas: int
    cmvn: str

    def __post_init__(self):
        bounds.one_of(self, KINDS, "kind")
        bounds.one_of(self, DELTAS, "deltas")
        bounds.one_of(self, CMVN, "cmvn")
        bounds.at_least(self, 1, "bands", "coefficients")
        if self.kind == "mfcc" and not 1 <= self.coefficients <= self.bands:
            raise Refused(f"coefficients is {self.coefficients}, expected 1 to the number of bands, {self.bands}")
        if self.kind == "fbank" and self.bands < FBANK_BANDS:
            raise Refused(f"bands is {self.bands}, expected {FBANK_BANDS} or more of fbank")
        if not 0 < self.hop_ms <= self.window_ms:
            raise Refused(f"hop_ms is {self.hop_ms}, expected more than 0 and at most window_ms, {self.window_ms}")
        if not 0 <= self.low_hz < self.high_hz:
            raise Refused(f"low_hz {self.low_hz} and high_hz {self.high_hz} are not in order from 0 on")


class Extractor(nn.Module):
    """Features of a batch of recordings at `rate` (Hz), in float32 whatever the autocast setting.

    With `cmvn: utterance` and `recording` they are normalised; with `cmvn: speaker` they are not: `normalise` does it
    with the statistics of each recording's speaker, which `statistics` gathers from these features.

    MFCC as in Davis and Mermelstein (1980), in torchaudio's form: HTK mel scale (2595 log10(1 + Hz / 700)), triangles
    of unit height on power, orthonormal DCT, no liftering. Departures: a floor of 1e-8 (torchaudio: 1e-6 or 80 dB below
    the batch's maximum), zeros and not reflections beyond a recording's ends, and Hamming for Hann.

    Raises Refused if high_hz is above rate / 2, or a mel band holds no bin of the transform; bands of fbank may, as
    Kaldi's do: they stay at its floor.
    """

    window: Tensor
    mel: Tensor
    dct: Tensor

    def __init__(self, acoustic: Acoustic, rate: int):
        super().__init__()
        self.acoustic = acoustic
        window, self.hop = (round(ms * rate / 1000) for ms in (acoustic.window_ms, acoustic.hop_ms))
        self.fft_size = 1 << (window - 1).bit_length()
        fbank = acoustic.kind == "fbank"
        shape = torch.hann_window(window, periodic=False) if fbank else torch.hamming_window(window)
        filters = (kaldi_filters if fbank else mel_filters)(acoustic, self.fft_size, rate)
        self.register_buffer("window", shape, persistent=False)
        self.register_buffer("mel", filters, persistent=False)
        if acoustic.kind == "mfcc":
            dct = AF.create_dct(acoustic.coefficients, acoustic.bands, norm="ortho").T  # (coefficients, bands)
            self.register_buffer("dct", dct.contiguous(), persistent=False)

    @property
    def size(self) -> int:
        """F, the number of feature rows: static, then deltas, then delta-deltas."""
        rows = self.acoustic.coefficients if self.acoustic.kind == "mfcc" else self.acoustic.bands
        return rows * (1 + self.acoustic.deltas)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F, T) float32 and frames (B,) int64 of waves (B, N) in -1..1, lengths (B,) in samples.

        T and frames are those of N and of lengths (see the module); samples behind a recording's length are ignored.

        Raises Refused unless waves are floating point and all lengths within 1..N.
        """
        _check_batch(waves, lengths)
        with torch.autocast(waves.device.type, enabled=False):
            waves = waves.float().masked_fill(~mask(lengths, waves.shape[1]), 0)
            frames = self.frames(lengths.long())
            features = self.with_deltas(self.static(waves), frames)  # (B, F, T)
            features = features * mask(frames, features.shape[2])[:, None]
        alone = self.acoustic.cmvn in ALONE
        return (normalise(features, frames, self.acoustic.cmvn) if alone else features), frames

    def frames(self, lengths: Tensor) -> Tensor:
        """(B,) frames of recordings of so many samples."""
        if self.acoustic.kind == "fbank":
            return (lengths - len(self.window)).clamp(min=0) // self.hop + 1
        return lengths // self.hop + 1

    def static(self, waves: Tensor) -> Tensor:
        """Features (B, rows, T) without deltas of waves (B, N) that hold zeros behind their ends."""
        if self.acoustic.kind == "fbank":
            return self.fbank(waves)
        spectrum = torch.stft(
            waves,
            self.fft_size,
            self.hop,
            len(self.window),
            self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )  # (B, bins, T)
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = torch.log(self.mel @ power + LOG_FLOOR)  # (B, bands, T)
        return self.dct @ log_mel if self.acoustic.kind == "mfcc" else log_mel

    def fbank(self, waves: Tensor) -> Tensor:
        """Kaldi's filter bank features (B, bands, T) of waves (B, N), in torchaudio's form (compliance.kaldi.fbank).

        Of each frame: its mean taken away, pre-emphasis x[n] - 0.97 x[n - 1], a symmetric Hann window, power, triangles
        on the mel scale; 2^-23 at least, then the log. No dither, no energy. So the program of AST computes them
        (YuanGongND/ast, src/dataloader.py), of waves in -1..1; the mean of the whole wave, which it takes away first,
        is in each frame's mean.
        """
        short = max(0, len(self.window) - waves.shape[1])
        frames = nn.functional.pad(waves, (0, short)).unfold(1, len(self.window), self.hop)  # (B, T, window)
        frames = frames - frames.mean(2, keepdim=True)
        emphasised = frames[:, :, 1:] - PREEMPHASIS * frames[:, :, :-1]
        emphasised = nn.functional.pad(emphasised, (1, 0))  # the first sample may be anything: there the window is zero
        spectrum = torch.fft.rfft(emphasised * self.window, self.fft_size)  # (B, T, bins)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log((power @ self.mel.T).clamp(min=FBANK_FLOOR)).transpose(1, 2)

    def with_deltas(self, static: Tensor, frames: Tensor) -> Tensor:
        """(B, rows, T) -> (B, rows * (1 + deltas), T): regression over five frames, a recording's end frames held."""
        parts = [static]
        for _ in range(self.acoustic.deltas):
            parts.append(AF.compute_deltas(_hold_last(parts[-1], frames), DELTA_FRAMES))
        return torch.cat(parts, dim=1)


def mel_filters(acoustic: Acoustic, fft_size: int, rate: int) -> Tensor:
    """Triangular HTK mel filters of unit height (bands, fft_size // 2 + 1), by torchaudio.

    Raises Refused if high_hz is above rate / 2, or naming the bands that lie between two bins and so hold none.
    """
    _check_high(acoustic, rate)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filterbank has all zero values")  # refused below
        bank = AF.melscale_fbanks(fft_size // 2 + 1, acoustic.low_hz, acoustic.high_hz, acoustic.bands, rate).T
    empty = torch.nonzero(bank.amax(dim=1) == 0).flatten().tolist()
    if empty:
        raise Refused(
            f"{len(empty)} of {acoustic.bands} mel bands hold no bin of a {fft_size}-point transform at {rate} Hz "
            f"(bands {', '.join(map(str, empty))}): take fewer bands or a longer window"
        )
    return bank.contiguous()


def kaldi_filters(acoustic: Acoustic, fft_size: int, rate: int) -> Tensor:
    """Kaldi's mel filters (bands, fft_size // 2 + 1), by torchaudio: triangles over mel, where HTK's are over Hz, and
    nothing of the highest bin.

    Raises Refused if high_hz is above rate / 2.
    """
    _check_high(acoustic, rate)
    unwarped = (100.0, -500.0, 1.0)  # Kaldi's defaults of vocal tract length normalisation: none
    bank = kaldi.get_mel_banks(acoustic.bands, fft_size, rate, acoustic.low_hz, acoustic.high_hz, *unwarped)[0]
    return nn.functional.pad(bank, (0, 1))


def mask(lengths: Tensor, size: int) -> Tensor:
    """(B, size) bool: True within each length (B,)."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


@dataclass(frozen=True)
class Statistics:
    """Sums over frames, in float64: frames (B,), first (B, F) of the features and second (B, F) of their squares.

    They add up: gather `statistics(features, frames).by_group(speakers, n)` over all batches.
    """

    frames: Tensor
    first: Tensor
    second: Tensor

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.frames + other.frames, self.first + other.first, self.second + other.second)

    def by_group(self, groups: Tensor, count: int) -> Statistics:
        """Sums over the recordings of each group: groups (B,) int64 in 0..count-1 -> Statistics of (count, ...)."""
        parts = (self.frames, self.first, self.second)
        return Statistics(*(part.new_zeros(count, *part.shape[1:]).index_add_(0, groups, part) for part in parts))

    def mean_std(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (divisor: number of frames), (B, F) float32 each.

        Raises Refused if a row has no frames.
        """
        without = torch.nonzero(self.frames == 0).flatten().tolist()
        if without:
            raise Refused(f"no frames in {without}: there is no mean to take")
        mean = self.first / self.frames[:, None]
        variance = self.second / self.frames[:, None] - mean.square()
        return mean.float(), variance.clamp(min=0).sqrt().float()


def statistics(features: Tensor, frames: Tensor) -> Statistics:
    """The sums of each recording of features (B, F, T), over its own frames (B,)."""
    own = features.double() * mask(frames, features.shape[2])[:, None]
    return Statistics(frames.double(), own.sum(2), own.square().sum(2))


def normalise(features: Tensor, frames: Tensor, kind: str, statistics: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Cepstral mean and variance normalisation of features (B, F, T) with frames (B,); padded frames become zero.

    none       no change
    utterance  by mean and standard deviation of each row over each recording's own frames
    recording  by one mean and one standard deviation, over a recording's own frames and all rows: how loud it is goes,
               what it has more of at one frequency than at another stays
    speaker    by `statistics`, the (mean, std) of each recording's speaker, (B, F) each. With an unseen speaker's own
               recordings, unlabelled as they are, this is a transductive protocol: report it as such.

    A standard deviation below 0.001 counts as 0.001. Viikki and Laurila, Speech Communication 25 (1998).

    Raises Refused for another kind, or speaker without statistics or with some of another shape.
    """
    if kind not in CMVN:
        raise Refused(f"cmvn is {kind!r}, expected one of {', '.join(CMVN)}")
    if kind == "none":
        return features
    if kind == "speaker":
        mean, std = _given(features, statistics)
    else:
        mean, std = _own(features, frames, kind == "recording")
    own = mask(frames, features.shape[2])[:, None]
    return (features - mean[:, :, None]) / std.clamp(min=MIN_STD)[:, :, None] * own


def _own(features: Tensor, frames: Tensor, alike: bool) -> tuple[Tensor, Tensor]:
    """(B, F) each, or (B, 1) of all rows alike."""
    own, count = mask(frames, features.shape[2])[:, None], frames[:, None]

    def mean_of(values: Tensor) -> Tensor:
        means = (values * own).sum(2) / count  # (B, F)
        return means.mean(1, keepdim=True) if alike else means

    mean = mean_of(features)
    return mean, mean_of(((features - mean[:, :, None]) * own).square()).sqrt()


def _given(features: Tensor, statistics: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    if statistics is None:
        raise Refused("cmvn is speaker, which needs the statistics of each recording's speaker")
    mean, std = statistics
    if not mean.shape == std.shape == features.shape[:2]:
        raise Refused(f"mean {tuple(mean.shape)} and std {tuple(std.shape)} for features {tuple(features.shape)}")
    return mean, std


def _hold_last(features: Tensor, frames: Tensor) -> Tensor:
    """(B, rows, T) with each recording's last frame repeated behind its end."""
    place = torch.minimum(torch.arange(features.shape[2], device=frames.device), frames[:, None] - 1)  # (B, T)
    return features.gather(2, place[:, None].expand_as(features))


def _check_high(acoustic: Acoustic, rate: int) -> None:
    if acoustic.high_hz > rate / 2:
        raise Refused(f"high_hz is {acoustic.high_hz}, above half the rate, {rate / 2} Hz")


def _check_batch(waves: Tensor, lengths: Tensor) -> None:
    if not waves.is_floating_point():
        raise Refused(f"waves are {waves.dtype}, expected floating point in -1..1")
    if waves.ndim != 2 or lengths.shape != waves.shape[:1]:
        raise Refused(f"waves {tuple(waves.shape)} and lengths {tuple(lengths.shape)}, expected (B, N) and (B,)")
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest < 1 or longest > waves.shape[1]:
        raise Refused(f"lengths from {shortest} to {longest} samples, expected 1 to {waves.shape[1]}")
