"""A wave in a room, from the room's impulse response."""

from __future__ import annotations

import numpy as np
from scipy.signal import oaconvolve

from voxdag.core.errors import Refused


def reverberate(wave: np.ndarray, response: np.ndarray) -> np.ndarray:
    """A wave (n,) heard through an impulse response (m,): -> (n,), of its type and its mean power.

    The direct path, the response's greatest sample, is no delay: what lies before it is heard earlier. Before the wave
    there is silence, so its first reflections come into it. A silent wave stays silent.

    Raises Refused for a response that is silent or not (m,).
    """
    if response.ndim != 1 or not response.any():
        raise Refused(f"the impulse response is {response.shape}, {'silent' if response.size else 'empty'}")
    direct = int(np.argmax(np.abs(response)))
    heard = oaconvolve(wave, response.astype(wave.dtype))[direct : direct + len(wave)]
    power, after = (float(np.sum(np.square(part, dtype=np.float64))) for part in (wave, heard))
    return heard * wave.dtype.type(np.sqrt(power / after)) if after else heard
