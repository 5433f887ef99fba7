"""Where a voice is recorded and with what: a room, a microphone, and their noise."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from voxdag.core.errors import Refused
from voxdag.simulation.tract import SAMPLE_RATE

PEAK_LIMIT = 0.99  # full scale is 1; a louder recording is turned down as a whole
FIRST_REFLECTION_SECONDS = 0.003
DIFFUSE_SECONDS = 0.04  # from here on reflections follow each other without gaps
HIGH_BAND_HZ = 3000.0  # above it the air and the walls absorb more
HIGH_BAND_RT60 = 0.6  # share of the reverberation time


@dataclass(frozen=True)
class Scene:
    """A place and a device; one scene always has the same reflections."""

    rt60_s: float  # reverberation time: s until the level has fallen by 60 dB
    direct_to_reverberant_db: float  # energy of the direct sound over that of all reflections
    seed: int  # of the reflections' fine structure
    low_cut_hz: float  # band limits of the microphone
    high_cut_hz: float
    equaliser: tuple[tuple[float, float], ...]  # gentle colours: (Hz, dB) of peaks about an octave wide
    gain_db: float
    noise_db: float  # standing noise, dB re full scale
    noise_corner_hz: float  # the noise falls by 6 dB per octave above this


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw a room between a treated booth and a living room, and a microphone between headset and studio."""
    return Scene(
        rt60_s=rng.uniform(0.12, 0.6),
        direct_to_reverberant_db=rng.uniform(3.0, 18.0),
        seed=int(rng.integers(2**32)),
        low_cut_hz=rng.uniform(40.0, 120.0),
        high_cut_hz=rng.uniform(6000.0, 7800.0),
        equaliser=tuple((centre * 2 ** rng.uniform(-0.4, 0.4), rng.uniform(-5, 5)) for centre in (300, 1500, 4000)),
        gain_db=rng.uniform(-3.0, 3.0),
        noise_db=rng.uniform(-78.0, -58.0),
        noise_corner_hz=float(np.exp(rng.uniform(np.log(150), np.log(3000)))),
    )


def record(dry: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """What the microphone of `scene` hears of `dry` (samples,): as long, aligned with it, peak below 1.

    Raises:
        ValueError: `dry` is not one channel, is empty, or holds NaN or infinity.
    """
    dry = np.asarray(dry, dtype=np.float64)
    if dry.ndim != 1 or not len(dry):
        raise Refused(f"dry speech has shape {dry.shape}; expected one channel (samples,), not empty")
    if not np.isfinite(dry).all():
        first = int(np.flatnonzero(~np.isfinite(dry))[0])
        raise Refused(f"dry speech is {dry[first]} at sample {first}; expected finite samples")
    heard = sosfilt(microphone(scene), fftconvolve(dry, impulse_response(scene))[: len(dry)])
    recording = 10 ** (scene.gain_db / 20) * heard + standing_noise(scene, len(dry), rng)
    return recording * min(1.0, PEAK_LIMIT / max(np.abs(recording).max(), PEAK_LIMIT))


def impulse_response(scene: Scene) -> np.ndarray:
    """The room: the direct sound at sample 0, then reflections that grow dense and die away, the high ones sooner."""
    rng = np.random.default_rng(scene.seed)
    time = np.arange(max(2, round(scene.rt60_s * SAMPLE_RATE))) / SAMPLE_RATE
    noise = rng.standard_normal(len(time)) * (rng.random(len(time)) < np.minimum((time / DIFFUSE_SECONDS) ** 2, 1))
    low = lfilter(*butter(1, HIGH_BAND_HZ, fs=SAMPLE_RATE), noise)
    fall = np.log(1e-3) / scene.rt60_s  # 60 dB is a factor of 1000
    tail = low * np.exp(fall * time) + (noise - low) * np.exp(fall / HIGH_BAND_RT60 * time)
    tail[time < FIRST_REFLECTION_SECONDS] = 0.0
    energy = 10 ** (-scene.direct_to_reverberant_db / 10)
    tail *= np.sqrt(energy / max(np.sum(tail**2), np.finfo(float).tiny))
    tail[0] = 1.0
    return tail


def microphone(scene: Scene) -> np.ndarray:
    """Second-order sections (sections, 6): the band limits and the equaliser."""
    low = butter(2, scene.low_cut_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    high = butter(2, scene.high_cut_hz, fs=SAMPLE_RATE, output="sos")
    return np.concatenate([low, high, *(peak(hz, gain_db)[None] for hz, gain_db in scene.equaliser)])


def peak(centre_hz: float, gain_db: float, quality: float = 1.4) -> np.ndarray:
    """A peaking equaliser as one second-order section (R. Bristow-Johnson, Audio EQ Cookbook)."""
    angle = 2 * np.pi * centre_hz / SAMPLE_RATE
    amplitude = 10 ** (gain_db / 40)
    alpha = np.sin(angle) / (2 * quality)
    above = [1 + alpha * amplitude, -2 * np.cos(angle), 1 - alpha * amplitude]
    below = [1 + alpha / amplitude, -2 * np.cos(angle), 1 - alpha / amplitude]
    return np.array(above + below) / below[0]


def standing_noise(scene: Scene, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of the room and of the sensor, (samples,), at the scene's level and colour."""
    pole = np.exp(-2 * np.pi * scene.noise_corner_hz / SAMPLE_RATE)
    white = rng.standard_normal(samples)
    coloured = lfilter([1.0], [1.0, -pole], white) * np.sqrt(1 - pole**2)
    return 10 ** (scene.noise_db / 20) * coloured
