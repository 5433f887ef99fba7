"""The voice source: the Liljencrants-Fant (LF) model of the glottal flow's derivative, pulse by pulse.

G. Fant, J. Liljencrants, Q. Lin, "A four-parameter model of glottal flow", STL-QPSR 4 (1985), with the one-parameter
family of G. Fant, "The LF-model revisited", STL-QPSR 2-3 (1995). With time in periods, pulse = 0..1:

    opening  0  <= t < te    E(t) = -exp(a (t - te)) sin(wg t) / sin(wg te),          wg = pi / tp
    return   te <= t < 1     E(t) = -(exp(-e (t - te)) - exp(-e (1 - te))) / (e ta)

so E(te) = -1; e follows from continuity at te and a from a net flow of zero.
"""

from dataclasses import dataclass

import numpy as np

RD_LIMITS = (0.4, 2.5)  # the range in which Fant's (1995) regressions hold


@dataclass(frozen=True)
class LFShape:
    """LF parameters of each pulse, in periods: arrays of one shape."""

    tp: np.ndarray  # time of the flow's peak
    te: np.ndarray  # time of the strongest excitation
    ta: np.ndarray  # effective duration of the return phase
    growth: np.ndarray  # a in the module's formula
    decay: np.ndarray  # e in the module's formula


def lf_shape(rd: np.ndarray) -> LFShape:
    """LF parameters for the shape numbers `rd`, held within RD_LIMITS (regressions of Fant 1995)."""
    rd = np.clip(rd, *RD_LIMITS)
    ta = (-1 + 4.8 * rd) / 100
    rk = (22.4 + 11.8 * rd) / 100
    rg = rk / (4 * (0.11 * rd / (0.5 + 1.2 * rk) - ta))
    tp = 1 / (2 * rg)
    te = tp * (1 + rk)
    decay = _return_decay(ta, 1 - te)
    return LFShape(tp, te, ta, _growth(tp, te, ta, decay), decay)


def _return_decay(ta: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Solve e ta = 1 - exp(-e closed) by fixed-point iteration from above, which contracts as ta < closed."""
    decay = 1 / ta
    for _ in range(30):
        decay = (1 - np.exp(-decay * closed)) / ta
    return decay


def _growth(tp: np.ndarray, te: np.ndarray, ta: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """Solve for a by bisection: the faster the growth, the smaller the area of the opening phase."""
    wg, closed = np.pi / tp, 1 - te
    tail = np.exp(-decay * closed)
    return_area = -((1 - tail) / decay - closed * tail) / (decay * ta)
    low, high = np.full_like(tp, -30.0), np.full_like(tp, 60.0)
    for _ in range(45):
        a = (low + high) / 2
        opening_area = -(a - wg / np.tan(wg * te) + wg * np.exp(-a * te) / np.sin(wg * te)) / (a**2 + wg**2)
        too_large = opening_area + return_area > 0
        low, high = np.where(too_large, a, low), np.where(too_large, high, a)
    return (low + high) / 2


def lf_pulse(phase: np.ndarray, shape: LFShape) -> np.ndarray:
    """The flow derivative at `phase` (periods since the pulse's onset, 0..1), excitation peak -1."""
    since = phase - shape.te
    # Each branch only sees its own side of te, so that neither exponential can overflow.
    before, after = np.minimum(since, 0), np.maximum(since, 0)
    opening = -np.exp(shape.growth * before) * np.sin(np.pi * phase / shape.tp) / np.sin(np.pi * shape.te / shape.tp)
    tail = np.exp(-shape.decay * (1 - shape.te))
    closing = -(np.exp(-shape.decay * after) - tail) / (shape.decay * shape.ta)
    return np.where(since < 0, opening, closing)


def pulse_onsets(f0: np.ndarray, rate: int, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Times (s) at which pulses begin, covering the whole of `f0` (Hz, one value per sample).

    `jitter` is the standard deviation of an onset as a fraction of its period; draws beyond 3 are held there.
    """
    cycles = np.concatenate([[0.0], np.cumsum(f0) / rate])  # (samples + 1,)
    times = np.arange(len(cycles)) / rate
    # Whole cycles from before the first sample to after the last, where F0 goes on as it began and ended.
    known_cycles = np.concatenate([[-2.0], cycles, [cycles[-1] + 3.0]])
    known_times = np.concatenate([[-2.0 / f0[0]], times, [times[-1] + 3.0 / f0[-1]]])
    numbers = np.arange(-2, int(cycles[-1]) + 3) + rng.random()
    onsets = np.interp(numbers, known_cycles, known_times)
    return onsets + np.clip(rng.standard_normal(len(onsets)), -3, 3) * jitter * np.gradient(onsets)


def voice(
    f0: np.ndarray, rd: np.ndarray, rate: int, jitter: float, shimmer_db: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A train of LF pulses under a contour.

    Args:
        f0: (samples,) Hz.
        rd: (samples,) Rd.
        jitter: standard deviation of the pulses' times, fraction of the period.
        shimmer_db: standard deviation of the pulses' heights, dB.

    Returns:
        the flow's derivative (samples,), and how far the glottis is open (samples,), 0..1, for the aspiration noise.
    """
    onsets = pulse_onsets(f0, rate, jitter, rng)
    time = np.arange(len(f0)) / rate
    pulse = np.searchsorted(onsets, time, side="right") - 1  # (samples,)
    phase = (time - onsets[pulse]) / np.diff(onsets)[pulse]
    shapes = lf_shape(rd[np.clip((onsets * rate).astype(int), 0, len(rd) - 1)])
    shape = LFShape(*(getattr(shapes, name)[pulse] for name in LFShape.__dataclass_fields__))
    height = 10 ** (shimmer_db * rng.standard_normal(len(onsets)) / 20)
    opening = np.where(phase < shape.te, np.sin(np.pi * np.clip(phase / shape.te, 0, 1)), 0.0)
    return height[pulse] * lf_pulse(phase, shape), opening
