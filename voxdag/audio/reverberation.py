"""A wave in a room, from the room's impulse response, which may be drawn."""

from __future__ import annotations

import numpy as np
from scipy.signal import oaconvolve

from voxdag.core.errors import Refused

RT60_SECONDS = (0.12, 0.6)  # until the level has fallen by 60 dB: from a treated booth to a living room
DIRECT_DB = (3.0, 18.0)  # energy of the direct sound over that of all reflections
FIRST_REFLECTION_SECONDS = 0.003


def drawn_room(rate: int, rng: np.random.Generator) -> np.ndarray:
    """An impulse response (m,): the direct sound, 1, at sample 0, then Gaussian noise that dies away exponentially.

    Polack's model (J.-D. Polack, La transmission de l'energie sonore dans les salles, 1988). Drawn: reverberation time
    and ratio, uniform over RT60_SECONDS and DIRECT_DB, then the noise. The ranges are those of the simulated corpora.
    """
    rt60, direct_db = rng.uniform(*RT60_SECONDS), rng.uniform(*DIRECT_DB)
    time = np.arange(round(rt60 * rate)) / rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60)
    tail[time < FIRST_REFLECTION_SECONDS] = 0
    response = tail * np.sqrt(10 ** (-direct_db / 10) / np.sum(tail**2))
    response[0] = 1
    return response


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
