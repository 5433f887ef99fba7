"""Noises from equations and a generator: five families, of each two types to learn from and one to be tested on.

    family      learned                                    held for the test
    coloured    white, brown                               speech_shaped
    babble      babble (many near), chatter (few in a room) crowd (many, far)
    hum         mains, fan                                 engine
    impulsive   clicks, rattle                             typing
    modulated   surf, flutter                              helicopter

as VoiceBank+DEMAND has ten types of noise in train and five others in its test. A type is a distribution: every draw
has another colour, pitch or rate. A type that is held for the test differs from those of its family in what its family
is about: the colour, the number and distance of the voices, a pitch that moves, the place of the resonances, the shape
of the modulation. Talkers of babble are drawn anew each time, so nobody is heard twice.

Sizes and rates are ours, within what such sources have in daily life; no recording stands behind them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.signal import butter, fftconvolve, sosfilt, welch

from voxdag.core.errors import Refused
from voxdag.simulation.scene import draw_scene, impulse_response
from voxdag.simulation.speaker import draw_speaker
from voxdag.simulation.speech import SHORTEST_SECONDS, synthesise
from voxdag.simulation.tract import SAMPLE_RATE

Make = Callable[[int, np.random.Generator], np.ndarray]  # samples, generator -> (samples,)

LOWEST_HZ = 40.0  # below it a coloured noise is flat: microphones do not hear it, and its power would be all there
SEXES = ("female", "male")
OCTAVE_DB = 20 * np.log10(2)  # of an amplitude


@dataclass(frozen=True)
class Noise:
    """One type of noise: its family, whether it is held for the test, and how it is made."""

    family: str
    held: bool
    make: Make


def draw_noise(name: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A noise of the type `name`, (samples,) at SAMPLE_RATE, mean square 1.

    Raises Refused, listing the valid names, for an unknown one, and for fewer samples than a voice needs.
    """
    if name not in NOISES:
        raise Refused(f"unknown noise {name!r}, expected one of {', '.join(NOISES)}")
    if samples < SHORTEST_SECONDS * SAMPLE_RATE:
        raise Refused(f"{samples} samples of noise, expected {round(SHORTEST_SECONDS * SAMPLE_RATE)} or more")
    return normalised(NOISES[name].make(samples, rng))


def normalised(wave: np.ndarray) -> np.ndarray:
    """The wave with a mean square of 1."""
    return wave / np.sqrt(np.mean(wave**2))


def coloured(samples: int, db_per_octave: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose power changes by so many dB an octave from LOWEST_HZ on: (samples,), mean square 1."""
    spectrum = fft.rfft(rng.standard_normal(samples))
    octaves = np.log2(np.maximum(fft.rfftfreq(samples, 1 / SAMPLE_RATE), LOWEST_HZ))
    return normalised(fft.irfft(spectrum * 2 ** (octaves * db_per_octave / OCTAVE_DB), samples))


# --- coloured ---


def white(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss: flat, or up to 1.5 dB an octave off."""
    return coloured(samples, rng.uniform(-1.5, 1.5), rng)


def brown(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Rumble: 5 to 8 dB an octave down."""
    return coloured(samples, rng.uniform(-8.0, -5.0), rng)


def speech_shaped(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Stationary noise with the long-term spectrum of two talkers, of both sexes."""
    voices = sum(synthesise(draw_speaker(rng, sex), 3.0, rng) for sex in SEXES)
    hz, power = welch(voices, SAMPLE_RATE, nperseg=512)
    spectrum = fft.rfft(rng.standard_normal(samples))
    return fft.irfft(spectrum * np.sqrt(np.interp(fft.rfftfreq(samples, 1 / SAMPLE_RATE), hz, power)), samples)


# --- babble ---


def babble(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Six to ten talkers, near."""
    return _voices(samples, int(rng.integers(6, 11)), rng)


def chatter(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Four or five talkers in one room."""
    return _in_room(_voices(samples, int(rng.integers(4, 6)), rng), 0.0, rng)


def crowd(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Twelve to sixteen talkers far away: more reflections than direct sound, and dull."""
    voices = _in_room(_voices(samples, int(rng.integers(12, 17)), rng), -9.0, rng)
    return sosfilt(butter(1, rng.uniform(1500, 3000), fs=SAMPLE_RATE, output="sos"), voices)


def _voices(samples: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many talkers at once, within 6 dB of one another."""
    levels = 10 ** (rng.uniform(-3.0, 3.0, count) / 20)
    talkers = [draw_speaker(rng, str(rng.choice(SEXES))) for _ in range(count)]
    spoken = (synthesise(talker, samples / SAMPLE_RATE, rng) for talker in talkers)
    return sum(level * voice[:samples] for level, voice in zip(levels, spoken, strict=True))


def _in_room(wave: np.ndarray, direct_db: float, rng: np.random.Generator) -> np.ndarray:
    """A drawn room; the direct sound is `direct_db` above the reflections."""
    reflections = impulse_response(draw_scene(rng))
    reflections[1:] *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(reflections[1:] ** 2))
    return fftconvolve(wave, reflections)[: len(wave)]


# --- hum ---


def mains(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of 50 or 60 Hz, the even ones stronger (rectifiers), over faint hiss."""
    hz = rng.choice([50.0, 60.0]) * (1 + 1e-3 * rng.standard_normal())
    order = np.arange(1, 41)
    strength = order ** -rng.uniform(0.5, 1.3) * np.where(order % 2, 0.4, 1.0) * _scatter(0.5, len(order), rng)
    return normalised(_tones(np.full(samples, hz), strength, rng)) + 0.05 * coloured(samples, 0.0, rng)


def fan(samples: int, rng: np.random.Generator) -> np.ndarray:
    """The blades' tone and some harmonics in rushing air."""
    strength = np.arange(1.0, 7.0) ** -1.5 * _scatter(0.6, 6, rng)
    tone = normalised(_tones(np.full(samples, rng.uniform(80, 260)), strength, rng))
    return 10 ** (rng.uniform(-6, 6) / 20) * tone + coloured(samples, rng.uniform(-5, -3), rng)


def engine(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Many harmonics of a pitch that wanders by a fifth, rough at half of it, over rumble."""
    hz = rng.uniform(30, 90) * 2 ** (0.6 * _wander(samples, rng.uniform(0.3, 1.0), rng))
    strength = np.arange(1.0, 31.0) ** -rng.uniform(0.5, 1.0) * _scatter(0.5, 30, rng)
    rough = 1 + 0.5 * np.cos(np.pi * np.cumsum(hz) / SAMPLE_RATE)
    return normalised(rough * _tones(hz, strength, rng)) + 0.4 * coloured(samples, -6.0, rng)


def _tones(hz: np.ndarray, strength: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Harmonics (amplitudes `strength`, random phases) of a pitch (samples,) in Hz; none above 0.9 of the band."""
    cycles = np.cumsum(hz) / SAMPLE_RATE
    order = np.arange(1, len(strength) + 1)
    heard = order * hz.max() < 0.45 * SAMPLE_RATE
    phases = rng.random(len(strength))
    return sum(strength[k] * np.sin(2 * np.pi * (order[k] * cycles + phases[k])) for k in np.flatnonzero(heard))


def _scatter(size: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Factors (count,) whose logarithm has the standard deviation `size`."""
    return np.exp(size * rng.standard_normal(count))


def _wander(samples: int, hz: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random course (samples,) within -1..1, whose turns are about 1 / (2 hz) s apart."""
    knots = max(2, int(np.ceil(samples / SAMPLE_RATE * 2 * hz)) + 1)
    place = np.linspace(0, knots - 1, samples)
    low = np.minimum(place.astype(int), knots - 2)
    ease = 0.5 - 0.5 * np.cos(np.pi * (place - low))
    value = rng.uniform(-1, 1, knots)
    return value[low] + ease * (value[low + 1] - value[low])


# --- impulsive ---


def clicks(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Three to twelve clicks a second, each of the whole band and over within some milliseconds."""
    wave = np.zeros(samples)
    for start in _moments(samples, rng.uniform(3, 12), rng):
        _add(wave, start, rng.lognormal(0, 0.6) * _burst(rng.uniform(0.0005, 0.003), rng))
    return _over_floor(wave, rng)


def rattle(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Runs of high pings: keys, dishes."""
    wave = np.zeros(samples)
    for start in _moments(samples, rng.uniform(1, 3), rng):
        gaps = rng.uniform(0.008, 0.03, int(rng.integers(5, 16)))
        for place in start + np.round(np.cumsum(gaps) * SAMPLE_RATE).astype(int):
            _add(wave, place, rng.lognormal(0, 0.5) * _ping(rng.uniform(1500, 6000), rng.uniform(0.002, 0.008), rng))
    return _over_floor(wave, rng)


def typing(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Keys that go down and, softer, up again, and the table under them: four to eight strokes a second."""
    wave = np.zeros(samples)
    for start in _moments(samples, rng.uniform(4, 8), rng):
        release = start + round(rng.uniform(0.06, 0.11) * SAMPLE_RATE)
        for place, level in ((start, rng.lognormal(0, 0.3)), (release, 0.4 * rng.lognormal(0, 0.3))):
            _add(wave, place, level * 0.5 * _burst(0.0015, rng))
            _add(wave, place, level * _ping(rng.uniform(900, 3500), 0.005, rng))
            _add(wave, place, level * _ping(rng.uniform(120, 300), 0.015, rng))
    return _over_floor(wave, rng)


def _moments(samples: int, per_second: float, rng: np.random.Generator) -> list[int]:
    """Sample numbers of a Poisson process; one at least."""
    count = max(1, rng.poisson(per_second * samples / SAMPLE_RATE))
    return sorted(int(place) for place in rng.integers(0, samples, count))


def _burst(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Noise that falls to 1/e in so many seconds."""
    time = np.arange(round(8 * seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.exp(-time / seconds) * rng.standard_normal(len(time))


def _ping(hz: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A tone that falls to 1/e in so many seconds."""
    time = np.arange(round(8 * seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.exp(-time / seconds) * np.sin(2 * np.pi * (hz * time + rng.random()))


def _add(wave: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Add a sound where it starts, as far as the wave goes."""
    heard = sound[: max(0, len(wave) - start)]
    wave[start : start + len(heard)] += heard


def _over_floor(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Over a floor of noise 14 to 22 dB below it: no room is silent between two clicks."""
    floor = coloured(len(wave), rng.uniform(-5, -2), rng)
    return normalised(wave) + 10 ** (rng.uniform(-22, -14) / 20) * floor


# --- modulated ---


def surf(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Waves, traffic: coloured noise that swells and falls within seconds, by 20 dB."""
    swell = 10 ** (_wander(samples, rng.uniform(0.4, 0.9), rng) / 2)
    return swell * coloured(samples, rng.uniform(-4, -2), rng)


def flutter(samples: int, rng: np.random.Generator) -> np.ndarray:
    """A band of noise that beats four to ten times a second."""
    centre, width = rng.uniform(400, 3000), rng.uniform(0.5, 1.0)  # Hz, octaves to either side
    band = butter(2, [centre * 2**-width, min(centre * 2**width, 7500)], "bandpass", fs=SAMPLE_RATE, output="sos")
    time = np.arange(samples) / SAMPLE_RATE
    beat = 1 + 0.9 * np.sin(2 * np.pi * (rng.uniform(4, 10) * time + rng.random()))
    return beat * sosfilt(band, rng.standard_normal(samples)) + 0.02 * coloured(samples, -3.0, rng)


def helicopter(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Dull noise in sharp pulses, eleven to eighteen a second, and a whine."""
    time = np.arange(samples) / SAMPLE_RATE
    pulses = np.cos(np.pi * (rng.uniform(11, 18) * time + rng.random())) ** 8
    whine = np.sin(2 * np.pi * (rng.uniform(400, 1200) * time + rng.random()))
    return normalised((0.1 + pulses) * coloured(samples, rng.uniform(-6, -4), rng)) + rng.uniform(0.05, 0.3) * whine


NOISES = {
    "white": Noise("coloured", False, white),
    "brown": Noise("coloured", False, brown),
    "speech_shaped": Noise("coloured", True, speech_shaped),
    "babble": Noise("babble", False, babble),
    "chatter": Noise("babble", False, chatter),
    "crowd": Noise("babble", True, crowd),
    "mains": Noise("hum", False, mains),
    "fan": Noise("hum", False, fan),
    "engine": Noise("hum", True, engine),
    "clicks": Noise("impulsive", False, clicks),
    "rattle": Noise("impulsive", False, rattle),
    "typing": Noise("impulsive", True, typing),
    "surf": Noise("modulated", False, surf),
    "flutter": Noise("modulated", False, flutter),
    "helicopter": Noise("modulated", True, helicopter),
}
LEARNED = tuple(name for name, noise in NOISES.items() if not noise.held)
HELD = tuple(name for name, noise in NOISES.items() if noise.held)
