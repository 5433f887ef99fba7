"""Augmentation: of one wave (pitch, tempo, noise, gain), of features (SpecAugment), and of a batch (mixup).

Nothing here draws but from the np.random.Generator that it is given, and a share changes no draw but whether it takes
effect: with a share set to 0 the others do what they did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import fft
from torch import Tensor

from voxdag.audio.acoustic import mask
from voxdag.core import bounds
from voxdag.core.errors import Refused

VOCODER_SECONDS = 0.032  # of the phase vocoder's window: resolves the harmonics of voices from about 100 Hz on
OVERLAP = 4  # hops to a window
FILLS = ("zero", "mean")
SEMITONES, TEMPO = 24, (0.25, 4.0)  # of a shift, at most, up or down; factors of speed
DECIBELS = 100.0  # of a change of level, of a ratio of levels, at most: beyond, one of the two is not there


@dataclass(frozen=True)
class Augmentation:
    """How often a wave is changed (shares, 0..1) and by how much, each amount uniform over its range.

    pitch_semitones, gain_db: up to so much up or down.  tempo: range of factors of speed.  snr_db: range, in dB.
    """

    pitch_share: float
    pitch_semitones: float
    stretch_share: float
    tempo: tuple[float, float]
    noise_share: float
    snr_db: tuple[float, float]
    gain_share: float
    gain_db: float

    def __post_init__(self):
        bounds.share(self, "pitch_share", "stretch_share", "noise_share", "gain_share")
        bounds.within(self, 0, SEMITONES, "pitch_semitones")
        bounds.within(self, *TEMPO, "tempo")
        bounds.within(self, 0, DECIBELS, "gain_db")
        bounds.within(self, -DECIBELS, DECIBELS, "snr_db")
        bounds.range_in_order(self, "tempo", "snr_db")


def augment(wave: np.ndarray, rate: int, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A wave (n,) in -1..1 changed in pitch, then tempo, noise and gain, each by chance: -> (m,); not clipped.

    m = n unless the tempo was changed. Drawn, always all and in this order: the four chances, then pitch, tempo, SNR
    and gain (eight uniforms), then the noise if there is any.
    """
    chances, amounts = rng.random((2, 4))
    pitched, stretched, noisy, louder = chances < np.array(
        [settings.pitch_share, settings.stretch_share, settings.noise_share, settings.gain_share]
    )
    if pitched:
        wave = pitch_shift(wave, rate, settings.pitch_semitones * (2 * amounts[0] - 1))
    if stretched:
        wave = time_stretch(wave, rate, _within(settings.tempo, amounts[1]))
    if noisy:
        wave = add_noise(wave, rng, _within(settings.snr_db, amounts[2]))
    if louder:
        wave = gain(wave, settings.gain_db * (2 * amounts[3] - 1))
    return wave


def pitch_shift(wave: np.ndarray, rate: int, semitones: float) -> np.ndarray:
    """A wave (n,) with its frequencies multiplied by 2^(semitones / 12), at the same tempo and length: -> (n,).

    Stretched in time by that factor (phase vocoder), then resampled back to the old length (band-limited, by FFT).
    Resampling alone would change the duration too. The formants move with the pitch.

    Raises Refused if the wave is empty or not floating point, or the shift is more than two octaves.
    """
    if not abs(semitones) <= SEMITONES:
        raise Refused(f"{semitones} semitones, expected -{SEMITONES} to {SEMITONES}")
    _check_wave(wave)
    # A fast length with room for the resampler's wrap-round; the factor is met to within half a sample in `size`.
    size = fft.next_fast_len(len(wave) + 512, real=True)
    stretched = round(size * 2 ** (semitones / 12))
    longer = _vocoder(np.pad(wave, (0, size - len(wave))), rate, stretched)
    shifted = fft.irfft(fft.rfft(longer), size) * (size / stretched)
    return shifted[: len(wave)]


def time_stretch(wave: np.ndarray, rate: int, tempo: float) -> np.ndarray:
    """A wave (n,) at another speed with its frequencies kept (phase vocoder): -> (round(n / tempo),).

    Raises Refused if the wave is empty or not floating point, or tempo is not within 1/4..4.
    """
    if not TEMPO[0] <= tempo <= TEMPO[1]:
        raise Refused(f"tempo is {tempo}, expected {TEMPO[0]} to {TEMPO[1]}")
    _check_wave(wave)
    return _vocoder(wave, rate, max(1, round(len(wave) / tempo)))


def add_noise(wave: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """A wave (n,) with white Gaussian noise `snr_db` dB below its own mean power; a silent wave stays silent."""
    _check_wave(wave)
    deviation = np.sqrt(np.mean(np.square(wave), dtype=np.float64)) * 10 ** (-snr_db / 20)
    noise = rng.standard_normal(len(wave), dtype=np.float32)
    return wave + (deviation * noise).astype(wave.dtype)


def gain(wave: np.ndarray, db: float) -> np.ndarray:
    """A wave (n,) multiplied by 10^(db / 20), not clipped."""
    _check_wave(wave)
    return wave * wave.dtype.type(10 ** (db / 20))


def _vocoder(wave: np.ndarray, rate: int, samples: int) -> np.ndarray:
    """A wave (n,) stretched in time to (samples,): sample m sounds like sample m * n / samples of the wave.

    Phase vocoder with identity phase locking (Laroche and Dolson 1999). Output frames lie at the hop of
    the input frames; their magnitudes are interpolated between the two frames around the place that they are taken
    from. Without the locking a voice with vibrato loses a third of its RMS, as its harmonics' bins drift apart.
    """
    size = 1 << round(math.log2(VOCODER_SECONDS * rate))
    hop, tempo = size // OVERLAP, len(wave) / samples
    # The last output frame, past the end, still reads two frames around its place.
    padded = torch.from_numpy(np.pad(wave, (0, math.ceil((tempo + 2) * hop))))
    window = torch.hann_window(size, dtype=padded.dtype)
    frames = torch.stft(padded, size, hop, window=window, pad_mode="constant", return_complex=True).T  # (T, bins)
    places = torch.arange(samples // hop + 2, dtype=torch.float64) * tempo  # in input frames, of each output frame
    low = places.long()
    magnitude, angle = frames.abs(), frames.angle()
    weight = (places - low).to(window.dtype)[:, None]
    stretched = torch.lerp(magnitude[low], magnitude[low + 1], weight)  # (places, bins)
    advance = (angle[low + 1] - angle[low]).numpy()
    phase = torch.from_numpy(_locked_phase(angle[low].numpy(), advance, _nearest_peak(magnitude[low].numpy())))
    return torch.istft(torch.polar(stretched, phase).T, size, hop, window=window, length=samples).numpy()


def _nearest_peak(magnitude: np.ndarray) -> np.ndarray:
    """The bin of the spectral peak nearest to each bin: (frames, bins) -> (frames, bins) int; each frame has a peak."""
    bins = np.arange(magnitude.shape[1])
    padded = np.pad(magnitude, ((0, 0), (1, 1)), constant_values=-1)
    is_peak = (magnitude >= padded[:, :-2]) & (magnitude > padded[:, 2:])
    below = np.maximum.accumulate(np.where(is_peak, bins, -2 * len(bins)), axis=1)
    above = np.minimum.accumulate(np.where(is_peak, bins, 3 * len(bins))[:, ::-1], axis=1)[:, ::-1]
    return np.where(bins - below <= above - bins, below, above)


def _locked_phase(angle: np.ndarray, advance: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Output phases (frames, bins) from those of the input frames, their advance to the next one, and `peak`.

    A peak goes on from the last output frame by the input's advance; the bins around it keep the phase that they have
    to it in the input. Reading and writing at one hop, the advance needs no unwrapping: whole turns do not matter.
    """
    to_peak = angle - np.take_along_axis(angle, peak, axis=1)
    step = to_peak[1:] + np.take_along_axis(advance[:-1], peak[1:], axis=1)
    phase = np.empty_like(angle)
    phase[0] = angle[0]
    for t in range(1, len(phase)):
        phase[t] = phase[t - 1][peak[t]] + step[t - 1]
    return phase


@dataclass(frozen=True)
class SpecAugment:
    """Masks over feature rows and over frames.

    freq_masks, time_masks  how many of each
    freq_width, time_width  of a mask, at most: rows, frames; uniform from 0 on
    time_share              of a recording's frames that its time masks may cover, all together
    """

    freq_masks: int
    freq_width: int
    time_masks: int
    time_width: int
    time_share: float

    def __post_init__(self):
        bounds.at_least(self, 0, "freq_masks", "freq_width", "time_masks", "time_width")
        bounds.share(self, "time_share")


def spec_augment(
    features: Tensor,
    frames: Tensor,
    settings: SpecAugment,
    rng: np.random.Generator | Sequence[np.random.Generator],
    fill: str = "zero",
) -> Tensor:
    """Features (B, F, T) with bands of rows and stretches of frames masked, other ones in each recording.

    Park et al. (2019), without the time warp. Departures: `time_share` holds for a recording's masks together and not
    for each; a mask is filled with zero, or with the row's mean over the recording's frames (`fill: mean`: for features
    that are not normalised). Delta rows are rows like any other. rng is one per recording, or one for the batch, which
    then serves its recordings in order; frequency masks are drawn before time masks, width before place.

    Raises Refused for another fill, a frequency width above F, or a number of generators other than B.
    """
    filling = _filling(features, frames, fill)
    size, rows, width = features.shape
    if settings.freq_width > rows:
        raise Refused(f"freq_width is {settings.freq_width}, above the {rows} feature rows")
    rngs = [rng] * size if isinstance(rng, np.random.Generator) else rng
    if len(rngs) != size:
        raise Refused(f"{len(rngs)} generators for {size} recordings")
    over_rows, over_frames = np.zeros((size, rows), bool), np.zeros((size, width), bool)
    for i, (own, generator) in enumerate(zip(frames.tolist(), rngs, strict=True)):
        widest = min(settings.time_width, int(settings.time_share * own) // max(settings.time_masks, 1))
        _draw(over_rows[i], settings.freq_masks, settings.freq_width, generator)
        _draw(over_frames[i, :own], settings.time_masks, widest, generator)
    hidden = torch.from_numpy(over_rows[:, :, None] | over_frames[:, None, :]).to(features.device)  # (B, F, T)
    return torch.where(hidden & mask(frames, width)[:, None], filling, features)


def _draw(hidden: np.ndarray, masks: int, widest: int, rng: np.random.Generator) -> None:
    """Set `masks` runs of 0..widest places of `hidden` (places,) to True."""
    for uniform_width, uniform_place in rng.random((masks, 2)):
        width = int(uniform_width * (widest + 1))
        first = int(uniform_place * (len(hidden) - width + 1))
        hidden[first : first + width] = True


def _filling(features: Tensor, frames: Tensor, fill: str) -> Tensor:
    """What stands for a recording that is not heard: zero (), or each row's mean over the recording's frames (B, F, 1).

    Raises Refused for another fill.
    """
    if fill not in FILLS:
        raise Refused(f"fill is {fill!r}, expected one of {', '.join(FILLS)}")
    if fill == "zero":
        return features.new_zeros(())
    own = mask(frames, features.shape[2])[:, None]
    return (features * own).sum(2, keepdim=True) / frames[:, None, None]


def mixup(
    features: Tensor,
    frames: Tensor,
    targets: Tensor,
    alpha: float,
    share: float,
    rng: np.random.Generator,
    fill: str = "zero",
) -> tuple[Tensor, Tensor, Tensor]:
    """With probability `share`, a batch as a convex combination of itself and a permutation of itself.

    x = lambda x_i + (1 - lambda) x_j and the same of the targets, lambda ~ Beta(alpha, alpha), one for the batch: Zhang
    et al., "mixup: beyond empirical risk minimization" (2018). features (B, F, T) with zeros behind frames (B,). A pair
    is as long as its longer recording; the shorter one goes on with `fill`: zero, or its rows' means over its frames
    (`mean`: for features that are not normalised, where zero is no mean but the log of a full-scale power). targets
    (B, K): one-hot or other probabilities. Drawn, always: the chance, lambda, the permutation.

    Raises Refused unless targets are floating point (B, K), alpha is above 0, share within 0..1 and fill known.
    """
    if not 0 <= share <= 1:
        raise Refused(f"share is {share}, expected 0 to 1")
    if not 0 < alpha < math.inf:
        raise Refused(f"alpha is {alpha}, expected more than 0")
    if targets.ndim != 2 or not targets.is_floating_point() or len(targets) != len(features):
        raise Refused(f"targets are {tuple(targets.shape)} {targets.dtype}, expected ({len(features)}, K) floats")
    chance, weight, order = rng.random(), rng.beta(alpha, alpha), rng.permutation(len(features))
    if chance >= share:
        return features, frames, targets
    other = torch.from_numpy(order).to(features.device)
    width, longer = features.shape[2], torch.maximum(frames, frames[other])
    held = torch.where(mask(frames, width)[:, None], features, _filling(features, frames, fill))  # (B, F, T)
    mixed, soft = (weight * part + (1 - weight) * part[other] for part in (held, targets))
    return mixed.masked_fill(~mask(longer, width)[:, None], 0), longer, soft


def _within(limits: tuple[float, float], place: float) -> float:
    low, high = limits
    return low + (high - low) * place


def _check_wave(wave: np.ndarray) -> None:
    if wave.ndim != 1 or len(wave) == 0 or wave.dtype not in (np.float32, np.float64):
        raise Refused(f"wave is {wave.shape} {wave.dtype}, expected (n,) float32 or float64, n at least 1")
