"""Loudness of a mono recording as ITU-R BS.1770-4 measures it, and its plain level."""

from __future__ import annotations

import numpy as np

BLOCK, STEP = 0.4, 0.1  # s: blocks that overlap by 75 %
OFFSET = -0.691  # dB: takes the K weighting's gain at 997 Hz back
ABSOLUTE_GATE = 10 ** ((-70 - OFFSET) / 10)  # weighted power of -70 LUFS
RELATIVE_GATE = 0.1  # 10 LU below the loudness of what the absolute gate leaves
SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)  # Hz, dB, Q: the head
SHELF_SLOPE = 0.4996667741545416  # exponent of the shelf's gain in its middle term
TABLE_RATE = 48_000  # Hz, of the standard's tables
HIGH_PASS = (38.13547087602444, 0.5003270373238773)  # Hz, Q: RLB weighting


def loudness(wave: np.ndarray, rate: int) -> float:
    """Integrated gated loudness in LUFS of (n,) with full scale 1, one channel.

    L = -0.691 + 10 log10(mean power of the K-weighted blocks that pass the gates), ITU-R BS.1770-4, annex 1. A 997 Hz
    sine of full scale has -3.01 LUFS. Departure: a recording shorter than one block is measured whole and without
    gates. NaN where nothing passes the gates, as in silence.
    """
    squared = k_weighted(wave, rate) ** 2
    block, step = round(BLOCK * rate), round(STEP * rate)
    if len(squared) < block:
        return OFFSET + _decibel(squared.mean())
    powers = np.lib.stride_tricks.sliding_window_view(squared, block)[::step].mean(axis=1)
    powers = powers[powers > ABSOLUTE_GATE]
    if len(powers) == 0:
        return np.nan
    return OFFSET + _decibel(powers[powers > RELATIVE_GATE * powers.mean()].mean())


def rms_db(wave: np.ndarray) -> float:
    """Level of (n,) in dB re full scale 1: 10 log10(mean square), -3.01 for a sine of full scale; NaN for silence."""
    return _decibel(np.mean(np.square(wave, dtype=np.float64)))


def k_weighted(wave: np.ndarray, rate: int) -> np.ndarray:
    """The wave (n,) through the two filters of the K weighting: -> (n,) float64."""
    from scipy.signal import sosfilt  # half a second to import, for those who measure loudness alone

    return sosfilt(k_weighting(rate), wave.astype(np.float64))


def k_weighting(rate: int) -> np.ndarray:
    """The biquads of the K weighting at any rate: (2, 6), rows b0 b1 b2 a0 a1 a2.

    BS.1770-4 tabulates them at 48 kHz only (tables 1 and 2); these are bilinear transforms of the analogue filters
    that give the tables, with the constants of the library libebur128 (B. De Man, "Evaluation of implementations of
    the EBU R128 loudness measurement", AES 2018). Table 2 leaves the high pass with a gain of 0.04 dB; here it has
    that gain at every rate, where libebur128's would grow to 0.13 dB at 16 kHz.
    """
    hz, gain_db, quality = SHELF
    k, high = np.tan(np.pi * hz / rate), 10 ** (gain_db / 20)
    middle = high**SHELF_SLOPE * k / quality
    shelf = _biquad((high + middle + k**2, 2 * (k**2 - high), high - middle + k**2), k, quality)
    hz, quality = HIGH_PASS
    gain = _a0(np.tan(np.pi * hz / TABLE_RATE), quality)
    high_pass = _biquad((gain, -2 * gain, gain), np.tan(np.pi * hz / rate), quality)
    return np.array([shelf, high_pass])


def _biquad(numerator: tuple[float, float, float], k: float, quality: float) -> list[float]:
    a0 = _a0(k, quality)
    return [*(b / a0 for b in numerator), 1.0, 2 * (k**2 - 1) / a0, (1 - k / quality + k**2) / a0]


def _a0(k: float, quality: float) -> float:
    return 1 + k / quality + k**2


def _decibel(power: float) -> float:
    return 10 * float(np.log10(power)) if power > 0 else np.nan
