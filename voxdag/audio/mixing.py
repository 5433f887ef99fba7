"""Speech and noise, mixed at a ratio."""

from __future__ import annotations

import numpy as np

from voxdag.core.errors import Refused

PEAK = 0.99  # of full scale, that neither of a pair passes


def mix(clean: np.ndarray, noise: np.ndarray, snr_db: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Noise (n,) added to clean speech (n,): noisy, clean and the gain on both, a factor of at most 1.

    SNR = 10 lg (sum clean^2 / sum noise^2) over the whole utterance. (VoiceBank+DEMAND counts the speech where it is
    active, ITU-T P.56: its SNR is the larger by the share of pauses.) Where either of the two would pass PEAK both are
    turned down together, so nothing is clipped and the pair stays one.

    Raises Refused where the two are not equally long, or one of them is silent.
    """
    if clean.shape != noise.shape or clean.ndim != 1:
        raise Refused(f"speech of shape {clean.shape} and noise of shape {noise.shape}, expected (n,) of both")
    power, of_noise = (float(np.sum(np.square(wave, dtype=np.float64))) for wave in (clean, noise))
    if not power or not of_noise:
        raise Refused(f"the {'noise' if power else 'speech'} is silent: no ratio can be set")
    noisy = clean + noise * np.sqrt(power / of_noise) * 10 ** (-snr_db / 20)
    gain = min(1.0, PEAK / float(max(np.abs(noisy).max(), np.abs(clean).max())))
    return gain * noisy, gain * clean, gain
