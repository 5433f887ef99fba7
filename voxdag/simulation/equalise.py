"""Give bona fide and spoofed speech the same duration, outer silence, level, peak and offset in distribution.

Published corpora let a detector win by what an attack's author did to the file, above all by the length of the silence
around the speech (Müller et al., "Speech is Silver, Silence is Golden", ASVspoof 2021 workshop). Here every recording,
whatever its class, passes through the same steps with targets drawn from the same distributions:

    high-pass -> outer silence trimmed -> cut -> lead and tail of the recording's own noise -> level -> peak -> dither
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import butter, sosfiltfilt

from voxdag.core.errors import Refused

RATE = 16_000  # Hz
FRAME = 320  # samples, 20 ms
HIGH_PASS = 30.0  # Hz
SPEECH_RANGE = 30.0  # dB below the loud frames (95th percentile) that still counts as speech
NOISE_MARGIN = 6.0  # dB above the quiet frames (10th percentile) that speech must reach
LEAST_RANGE = 10.0  # dB below the loud frames that always counts as speech, however noisy the recording
SILENCE = (0.05, 0.30)  # s, lead and tail
LEVEL = (-32.0, -20.0)  # dBFS, RMS of the active frames
CREST = (10.0, 12.0)  # dB, peak above the active RMS
NOISE = (-65.0, -25.0)  # dB relative to the active RMS, bounds of lead and tail: never digital silence
FADE = 160  # samples, 10 ms, from noise to speech and back
LIMITER = 33  # samples, 2 ms, over which the peak limiter's gain moves
QUIETEST = 1e-7  # frame RMS below which a recording holds digital silence


@dataclass(frozen=True)
class Target:
    """What one utterance is to become: seconds in all, lead and tail (s), active level (dBFS), crest factor (dB)."""

    seconds: float
    lead: float
    tail: float
    level: float
    crest: float


def draw_target(seconds: tuple[float, float], rng: np.random.Generator) -> Target:
    """Targets that know nothing of the class."""
    return Target(
        seconds=rng.uniform(*seconds),
        lead=rng.uniform(*SILENCE),
        tail=rng.uniform(*SILENCE),
        level=rng.uniform(*LEVEL),
        crest=rng.uniform(*CREST),
    )


def equalise(wave: np.ndarray, recording: np.ndarray, target: Target, rng: np.random.Generator) -> np.ndarray:
    """Turn `wave` (n,), bona fide or spoofed, into the target's form: (m,) int16 at 16 kHz.

    `recording` is what the wave was before any attack (bona fide: the wave itself); lead and tail get its noise, at its
    distance from the speech. A wave with less speech than the target asks for gives all it has.

    Raises Refused for a wave that is shorter than 0.1 s, silent or not finite.
    """
    _check(wave)
    speech, original = high_pass(wave), high_pass(recording)
    lead, tail = round(target.lead * RATE), round(target.tail * RATE)
    body = _cut(_trim(speech), round(target.seconds * RATE) - lead - tail, rng)
    body = body / active_rms(body)
    framed = _frame_with_noise(body, _noise(original, lead + tail + 2 * FADE, rng), lead)
    framed = limit(framed / active_rms(framed), target.crest)
    return dither(_decibels(target.level) * (framed - framed.mean()), rng)


def high_pass(wave: np.ndarray) -> np.ndarray:
    """Remove DC and rumble: Butterworth of second order at 30 Hz, forwards and backwards (zero phase)."""
    return sosfiltfilt(butter(2, HIGH_PASS, "highpass", fs=RATE, output="sos"), wave)


def frame_rms(wave: np.ndarray) -> np.ndarray:
    """RMS of each whole frame of 20 ms: (n,) -> (n // 320,)."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    return np.sqrt(np.mean(frames**2, axis=1))


def active_frames(wave: np.ndarray) -> np.ndarray:
    """Which frames of 20 ms hold speech: (n // 320,) bool.

    Speech lies within 30 dB of the loud frames and 6 dB above the quiet ones, but what lies within 10 dB of the loud
    frames is always speech.
    """
    rms = np.maximum(frame_rms(wave), QUIETEST)
    loud, quiet = np.percentile(rms, [95, 10])
    bar = max(loud * _decibels(-SPEECH_RANGE), min(quiet * _decibels(NOISE_MARGIN), loud * _decibels(-LEAST_RANGE)))
    return rms >= bar


def active_rms(wave: np.ndarray) -> float:
    """RMS over the frames that hold speech, in the wave's own unit."""
    return float(np.sqrt(np.mean(frame_rms(wave)[active_frames(wave)] ** 2)))


def limit(wave: np.ndarray, crest: float) -> np.ndarray:
    """Lower the peaks to `crest` dB above the active RMS, which becomes 1; a wave with lower peaks keeps them.

    The gain is the least that any sample within 2 ms needs, smoothed over 2 ms: it never leaves a peak above the bar.
    Limiting lowers the RMS a little, so it is repeated until the two agree.
    """
    window = np.hanning(LIMITER + 2)[1:-1]
    for _ in range(6):
        wave = wave / active_rms(wave)
        needed = np.minimum(1.0, _decibels(crest) / np.maximum(np.abs(wave), QUIETEST))
        if needed.min() > 1 - 1e-3:
            break
        held = minimum_filter1d(needed, 2 * LIMITER + 1, mode="nearest")
        wave = wave * np.convolve(np.pad(held, LIMITER // 2, mode="edge"), window / window.sum(), mode="valid")
    return wave / active_rms(wave)


def dither(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Quantise (n,) in -1..1 to 16 bits with triangular dither, two steps wide peak to peak."""
    triangular = rng.random(len(wave)) - rng.random(len(wave))
    return np.clip(np.rint(wave * 32768 + triangular), -32768, 32767).astype(np.int16)


def _check(wave: np.ndarray) -> None:
    if wave.ndim != 1 or len(wave) < RATE // 10:
        raise Refused(f"wave of shape {wave.shape}, expected (n,) with n at least {RATE // 10} samples")
    if not np.isfinite(wave).all():
        raise Refused(f"{np.count_nonzero(~np.isfinite(wave))} samples are not finite")
    if frame_rms(wave).max() < QUIETEST:
        raise Refused(f"silent: no frame of 20 ms has an RMS of {QUIETEST} or more")


def _decibels(value: float) -> float:
    """Amplitude ratio of a value in dB."""
    return 10 ** (value / 20)


def _trim(wave: np.ndarray) -> np.ndarray:
    """From the first frame that holds speech to the last."""
    frames = np.flatnonzero(active_frames(wave))
    return wave[frames[0] * FRAME : (frames[-1] + 1) * FRAME]


def _cut(wave: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """A stretch of `length` samples from anywhere in the wave that starts and ends within speech, if there is one."""
    frames = -(-length // FRAME)
    active = active_frames(wave)
    last = len(active) - frames
    if last < 1:
        return wave[:length]
    both = np.flatnonzero(active[: last + 1] & active[frames - 1 :])
    start = int(rng.choice(both if len(both) else last + 1)) * FRAME
    return wave[start : start + length]


def _noise(recording: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise (length,) with the spectrum of the recording's quietest tenth, relative to an active RMS of 1."""
    frames = recording[: len(recording) // FRAME * FRAME].reshape(-1, FRAME)
    rms = frame_rms(recording)
    audible = np.flatnonzero(rms > QUIETEST)
    quiet = audible[np.argsort(rms[audible], kind="stable")[: max(1, len(audible) // 10)]]
    spectrum = np.sqrt(np.mean(np.abs(np.fft.rfft(frames[quiet] * np.hanning(FRAME))) ** 2, axis=0))
    coloured = np.fft.rfft(rng.standard_normal(length))
    grid = np.linspace(0, 1, len(coloured))
    noise = np.fft.irfft(coloured * np.interp(grid, np.linspace(0, 1, len(spectrum)), spectrum), length)
    relative = 20 * np.log10(np.sqrt(np.mean(rms[quiet] ** 2)) / active_rms(recording))
    return noise / np.sqrt(np.mean(noise**2)) * _decibels(np.clip(relative, *NOISE))


def _frame_with_noise(body: np.ndarray, noise: np.ndarray, lead: int) -> np.ndarray:
    """Noise, 10 ms of fade, body, 10 ms of fade, noise: the body keeps its length, the fades lie within it."""
    rise = np.sin(np.linspace(0, np.pi / 2, FADE))
    framed = np.concatenate([noise[:lead], body, noise[lead + 2 * FADE :]])
    start, stop = slice(lead, lead + FADE), slice(lead + len(body) - FADE, lead + len(body))
    framed[start] = framed[start] * rise + noise[lead : lead + FADE] * rise[::-1]
    framed[stop] = framed[stop] * rise[::-1] + noise[lead + FADE : lead + 2 * FADE] * rise
    return framed
