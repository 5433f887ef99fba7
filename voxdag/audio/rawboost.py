"""RawBoost: a wave as it is after a channel that filters it, distorts it, and adds noise of its own.

    1  convolutive noise, linear and not      2  impulses that follow the signal      3  stationary coloured noise
    4 = 1, 2, 3 one after the other   5 = 1, 2   6 = 1, 3   7 = 2, 3   8 = 1 and 2 side by side, summed

Source: Tak, Kamble, Patino, Todisco and Evans, "RawBoost: a raw data boosting and augmentation method applied to
automatic speaker verification anti-spoofing", ICASSP 2022; the official program is
github.com/TakHemlata/RawBoost-antispoofing@4f161a8b, RawBoost.py.

Departures from the program: draws come from a generator that is given, not from numpy's global one; a filter adds no
delay, where the program's output is one sample early; the notches of a cascade are not scaled to a gain of 1 at 0 Hz
one by one, since the cascade is scaled as a whole (a notch that reaches 0 Hz has next to none there, and its rounding
may turn the sign); where filters are so long that a grid of 512 frequencies would miss their peak it is finer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import fft

from voxdag.core import bounds
from voxdag.core.errors import Refused

Place = TypeVar("Place", float, np.ndarray)

GRID = 512  # frequencies, from 0 to below half the rate, at which a filter's peak is looked for
EDGE_HZ = 1e-3  # how far a notch stays from 0 Hz and from half the rate
MOST_BANDS, MOST_TAPS, MOST_ORDERS = 50, 2000, 20
BLOCKS = 4  # lengths of the longest kernel that a block of the filtering holds
MOST_GAIN = 1e5  # of an impulse
DECIBELS = 100.0  # of a gain, of a ratio, at most: beyond, one of the two is not there


@dataclass(frozen=True)
class RawBoost:
    """Ranges are (from, to), and amounts uniform over them. In brackets the official program's name and default.

    share          of crops that are changed (1)
    algorithm      a key of ALGORITHMS (algo)
    orders         1 to so many powers of the wave are filtered and summed; 1: linear alone (N_f, 5)
    notches        of each filter (nBands, 5)
    centre_hz      of a notch (minF, maxF: 20, 8000)
    width_hz       of a notch (minBW, maxBW: 100, 1000)
    taps           of a notch's filter, made odd (minCoeff, maxCoeff: 10, 100)
    gain_db        of a filter at its peak (minG, maxG: 0, 0)
    bias_db        how much lower it is for the powers from 2 on (minBiasLinNonLin, maxBiasLinNonLin: 5, 20)
    impulse_share  of samples that impulses change, at most: uniform from 0 on (P, 10 %: 0.1)
    impulse_gain   of an impulse beside its sample, at most (g_sd, 2)
    snr_db         of stationary noise (SNRmin, SNRmax: 10, 40)
    """

    share: float
    algorithm: int
    orders: int
    notches: int
    centre_hz: tuple[float, float]
    width_hz: tuple[float, float]
    taps: tuple[int, int]
    gain_db: tuple[float, float]
    bias_db: tuple[float, float]
    impulse_share: float
    impulse_gain: float
    snr_db: tuple[float, float]

    def __post_init__(self) -> None:
        bounds.share(self, "share", "impulse_share")
        bounds.one_of(self, ALGORITHMS, "algorithm")
        bounds.within(self, 1, MOST_ORDERS, "orders")
        bounds.within(self, 1, MOST_BANDS, "notches")
        bounds.within(self, 3, MOST_TAPS, "taps")
        bounds.above(self, 0, "centre_hz", "width_hz")
        bounds.within(self, 0, DECIBELS, "bias_db")
        bounds.within(self, -DECIBELS, DECIBELS, "gain_db", "snr_db")
        bounds.within(self, 0, MOST_GAIN, "impulse_gain")
        bounds.range_in_order(self, "centre_hz", "width_hz", "taps", "gain_db", "bias_db", "snr_db")


@dataclass(frozen=True)
class Notches:
    """The notches of a filter, (notches,) each, and its gain at the peak; taps are odd."""

    centre_hz: np.ndarray
    width_hz: np.ndarray
    taps: np.ndarray
    gain_db: float


def rawboost(wave: np.ndarray, rate: int, settings: RawBoost, rng: np.random.Generator) -> np.ndarray:
    """A wave (n,) in -1..1 after the settings' algorithm: -> (n,), aligned with it, of its type.

    What 1, 2 and 8 give is turned down as a whole where it passes full scale; what 3 adds may pass it, as in the
    official program.

    Raises Refused for a wave that is empty or not floating point, and for a notch above half the rate.
    """
    if wave.ndim != 1 or not len(wave) or wave.dtype not in (np.float32, np.float64):
        raise Refused(f"wave is {wave.shape} {wave.dtype}, expected (n,) float32 or float64, n at least 1")
    if settings.centre_hz[1] > rate / 2:
        raise Refused(f"centre_hz is {settings.centre_hz}, expected up to half the rate, {rate / 2} Hz")
    return ALGORITHMS[settings.algorithm](wave, rate, settings, rng)


def convolutive(wave: np.ndarray, rate: int, settings: RawBoost, rng: np.random.Generator) -> np.ndarray:
    """y = sum over k of b_k * wave^k, without its mean, each b_k a cascade of drawn notches (section 2.1).

    Drawn: the notches of all powers (orders, notches, 3), then their gains (orders,), those of the powers from 2 on
    lower by the bias: uniform between the range's two ends less the bias's.
    """
    drawn = rng.random((settings.orders, settings.notches, 3))
    gains = rng.random(settings.orders)
    filters = [
        _notches(settings, own, _gain_range(settings, k), gain)
        for k, (own, gain) in enumerate(zip(drawn, gains, strict=True))
    ]
    return distorted(wave, rate, filters)


def distorted(wave: np.ndarray, rate: int, filters: list[Notches]) -> np.ndarray:
    """Powers 1, 2, ... of a wave (n,), each through its filter, summed, without the mean; turned down where it passes
    full scale: -> (n,)."""
    powers = np.empty((len(filters), len(wave)), wave.dtype)
    powers[0] = wave
    for k in range(1, len(filters)):
        powers[k] = powers[k - 1] * wave
    summed = _filtered(powers, [kernel(notches, rate) for notches in filters])
    return turned_down(summed - summed.mean())


def impulsive(wave: np.ndarray, rate: int, settings: RawBoost, rng: np.random.Generator) -> np.ndarray:
    """y = x + g x u v at a drawn share of samples, u and v uniform in -1..1 (section 2.2); turned down where it passes
    full scale. Drawn: the share, the places, u and v."""
    count = int(len(wave) * settings.impulse_share * rng.random())
    places = rng.choice(len(wave), count, replace=False, shuffle=False)
    u, v = 2 * rng.random((2, count), dtype=wave.dtype) - 1
    return struck(wave, places, u * v, settings.impulse_gain)


def struck(wave: np.ndarray, places: np.ndarray, amounts: np.ndarray, gain: float) -> np.ndarray:
    """A wave (n,) whose samples at `places` are raised by gain x amounts of themselves; turned down where it passes
    full scale."""
    changed = wave.copy()
    changed[places] += wave.dtype.type(gain) * wave[places] * amounts.astype(wave.dtype)
    return turned_down(changed)


def stationary(wave: np.ndarray, rate: int, settings: RawBoost, rng: np.random.Generator) -> np.ndarray:
    """White Gaussian noise through a cascade of drawn notches, added at a drawn ratio of mean powers (section 2.3).

    Drawn: the notches and a gain that has no effect here, the ratio, the noise.
    """
    notches = _notches(settings, rng.random((settings.notches, 3)), settings.gain_db, rng.random())
    snr_db = _within(settings.snr_db, rng.random())
    return coloured(wave, rng.standard_normal(len(wave), dtype=wave.dtype), rate, notches, snr_db)


def coloured(wave: np.ndarray, noise: np.ndarray, rate: int, notches: Notches, snr_db: float) -> np.ndarray:
    """A wave (n,) and noise (n,) through a filter, 10 lg (sum wave^2 / sum noise^2) = snr_db over the whole of both."""
    passed = _filtered(noise[None], [kernel(notches, rate)])
    ratio = np.linalg.norm(wave) / np.linalg.norm(passed) * 10 ** (-snr_db / 20)
    return wave + passed * wave.dtype.type(ratio)


def turned_down(wave: np.ndarray) -> np.ndarray:
    """A wave (n,) divided by its peak where that is above full scale, 1."""
    peak = max(wave.max(), -wave.min())
    return wave / peak if peak > 1 else wave


def kernel(notches: Notches, rate: int) -> np.ndarray:
    """The impulse response (taps,) of a cascade of notches, odd and even about its middle, in float64.

    A notch is a windowed ideal band stop, delta[n] - (s(f2) - s(f1)) with s(f) = 2f/rate sinc(2f n/rate), Hamming. The
    cascade's greatest gain on the grid of frequencies is the filter's gain.
    """
    low = np.maximum(notches.centre_hz - notches.width_hz / 2, EDGE_HZ)[:, None] * 2 / rate  # of half the rate
    high = np.minimum(notches.centre_hz + notches.width_hz / 2, rate / 2 - EDGE_HZ)[:, None] * 2 / rate
    half = (notches.taps // 2)[:, None]
    reach = int(half.max())
    n = np.arange(-reach, reach + 1)  # (2 reach + 1,)
    window = np.where(np.abs(n) <= half, 0.54 + 0.46 * np.cos(np.pi * n / half), 0.0)
    stops = ((n == 0) - (high * np.sinc(high * n) - low * np.sinc(low * n))) * window  # (notches, 2 reach + 1)
    length = int(np.sum(notches.taps - 1)) + 1
    size = max(2 * GRID, 1 << math.ceil(math.log2(length)))
    around = np.zeros((len(stops), size))
    around[:, : reach + 1], around[:, size - reach :] = stops[:, reach:], stops[:, :reach]
    cascade = np.prod(fft.rfft(around).real, axis=0)  # even about 0: their spectra are real
    scale = 10 ** (notches.gain_db / 20) / np.abs(cascade[:-1]).max()
    return np.roll(fft.irfft(cascade * scale, size), length // 2)[:length]


def _filtered(waves: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
    """Waves (K, n), each through the kernel of its own, odd and with its middle at no delay, summed: -> (n,).

    Overlap-save: a block of the transform gives as many samples as it is longer than the longest kernel's rest.
    """
    count, samples = waves.shape
    reach = max(map(len, kernels)) // 2
    size = fft.next_fast_len(2 * reach + min(samples, BLOCKS * (2 * reach + 1)), real=True)
    hop = size - 2 * reach
    blocks = -(-samples // hop)
    padded = np.zeros((count, blocks * hop + 2 * reach), waves.dtype)
    padded[:, reach : reach + samples] = waves
    taps = np.zeros((count, 2 * reach + 1), waves.dtype)
    for row, own in zip(taps, kernels, strict=True):
        row[reach - len(own) // 2 : reach + len(own) // 2 + 1] = own
    spectra = fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::hop])  # (K, blocks, bins)
    passed = np.sum(spectra * fft.rfft(taps, size)[:, None], axis=0)  # (blocks, bins)
    return fft.irfft(passed, size)[:, 2 * reach :].reshape(-1)[:samples]


def _notches(settings: RawBoost, drawn: np.ndarray, gain_db: tuple[float, float], of_gain: float) -> Notches:
    """From uniform numbers in 0..1, (notches, 3) and one."""
    centre, width, taps = (
        _within(limits, drawn[:, k]) for k, limits in enumerate((settings.centre_hz, settings.width_hz, settings.taps))
    )
    return Notches(centre, width, taps.astype(int) | 1, _within(gain_db, of_gain))


def _gain_range(settings: RawBoost, k: int) -> tuple[float, float]:
    """Of the filter of power k + 1."""
    return tuple(gain - (bias if k else 0.0) for gain, bias in zip(settings.gain_db, settings.bias_db, strict=True))  # type: ignore[return-value]


def _within(limits: tuple[float, float], place: Place) -> Place:
    low, high = limits
    return low + (high - low) * place


def _in_series(*steps: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def apply(wave: np.ndarray, *arguments: object) -> np.ndarray:
        for step in steps:
            wave = step(wave, *arguments)
        return wave

    return apply


def _side_by_side(*steps: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def apply(wave: np.ndarray, *arguments: object) -> np.ndarray:
        return turned_down(sum(step(wave, *arguments) for step in steps))  # type: ignore[arg-type]

    return apply


ALGORITHMS = {
    1: _in_series(convolutive),
    2: _in_series(impulsive),
    3: _in_series(stationary),
    4: _in_series(convolutive, impulsive, stationary),
    5: _in_series(convolutive, impulsive),
    6: _in_series(convolutive, stationary),
    7: _in_series(impulsive, stationary),
    8: _side_by_side(convolutive, impulsive),
}
