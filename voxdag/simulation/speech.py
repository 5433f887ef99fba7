"""Speech from a source-filter model: a voice that nobody has, in any amount, from a seed.

    plan       phrases, syllables, phonemes on a time axis      plan.py, phonemes.py
    prosody    F0, loudness, voice quality over time            prosody.py
    glottis    pulses with jitter and shimmer, breath           glottis.py
    tract      formants in cascade, fricatives beside them      tract.py
    scene      the room and the microphone                      scene.py

The structure is that of D. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), with an LF
source. Departures: the filters act by overlap-add on short pieces, noises have one resonance each, the plan is random.
"""

import numpy as np
from scipy.signal import lfilter

from voxdag.core.errors import Refused
from voxdag.simulation import glottis
from voxdag.simulation.phonemes import NASAL_POLE
from voxdag.simulation.plan import Plan, plan_utterance
from voxdag.simulation.prosody import contour
from voxdag.simulation.scene import Scene, draw_scene, record
from voxdag.simulation.speaker import NEUTRAL, REFERENCE_TRACT_CM, Delivery, Speaker, draw_speaker
from voxdag.simulation.tracks import glide
from voxdag.simulation.tract import HOP, SAMPLE_RATE, filter_frames, frame_count, overlap_add, resonators, response

__all__ = [
    "NEUTRAL",
    "SAMPLE_RATE",
    "Delivery",
    "Scene",
    "Speaker",
    "draw_scene",
    "draw_speaker",
    "record",
    "synthesise",
]

SHORTEST_SECONDS = 0.05  # of an utterance: a hurried syllable
LEVEL_DB = -28.0  # of a neutral utterance, RMS outside the pauses, dB re full scale
CONTROL_SECONDS = 0.001  # grid on which strengths and prosody are laid out before they become samples
ONSET_SECONDS = 0.012  # time in which a source comes on or goes off
SCHWA = np.array([500.0, 1500.0, 2500.0])  # Hz: the neutral tract
TILT_CORNER_HZ = 1000.0  # the tilt acts above this
NASAL_BANDWIDTH = 100.0  # Hz, Klatt (1980)
HIGHEST_FORMANT = 7700.0  # Hz; beyond it a resonance would fold at 8 kHz
HIGHER_BANDWIDTH = 0.06  # bandwidth of F4 and up as a share of the frequency


def synthesise(speaker: Speaker, seconds: float, rng: np.random.Generator, delivery: Delivery = NEUTRAL) -> np.ndarray:
    """Dry speech of one speaker, (round(seconds * SAMPLE_RATE),), speaking from the first sample to the last.

    The level is LEVEL_DB + `delivery.energy_db`; full scale is 1 and a shout may pass it.

    Raises:
        ValueError: `seconds` is not finite or below SHORTEST_SECONDS.
    """
    if not SHORTEST_SECONDS <= seconds < np.inf:
        raise Refused(f"seconds is {seconds}; expected a finite time of {SHORTEST_SECONDS} s or more")
    samples = round(seconds * SAMPLE_RATE)
    plan = plan_utterance(speaker, delivery, samples / SAMPLE_RATE, rng)
    voiced, frication = sources(plan, speaker, delivery, samples, rng)
    frames = np.arange(frame_count(samples)) * HOP / SAMPLE_RATE  # (frames,) s
    spectra = filter_frames(voiced, tract_response(plan, speaker, delivery, frames))
    spectra += filter_frames(frication, constriction_response(plan, speaker, frames))
    speech = overlap_add(spectra, samples)
    spoken = samples * sum(end - start for start, end in plan.phrases) / plan.edges[-1]
    level = 10 ** ((LEVEL_DB + delivery.energy_db) / 20)
    return speech * level / np.sqrt(np.sum(speech**2) / spoken)


def sources(
    plan: Plan, speaker: Speaker, delivery: Delivery, samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What excites the tract at the glottis (voice and breath) and at a constriction: two arrays (samples,)."""
    control = np.arange(0.0, samples / SAMPLE_RATE + CONTROL_SECONDS, CONTROL_SECONDS)
    time = np.arange(samples) / SAMPLE_RATE
    melody = contour(plan, speaker, delivery, control, rng)
    targets = np.array([(s.voicing, s.frication, s.aspiration) for s in plan.segments])
    strengths = glide(targets, plan.edges, control, ONSET_SECONDS)  # (times, 3)
    f0, rd, gain, voicing, frication, aspiration = (
        np.interp(time, control, track) for track in (melody.f0, melody.rd, melody.gain, *strengths.T)
    )
    jitter, shimmer_db = speaker.jitter * delivery.jitter, speaker.shimmer_db * delivery.shimmer
    pulses, opening = glottis.voice(f0, rd, SAMPLE_RATE, jitter, shimmer_db, rng)
    voicing *= gain
    breath = 10 ** ((speaker.aspiration_db + delivery.breathiness) / 20)
    noise = rng.standard_normal((2, samples))
    voiced = tilt(voicing * pulses, speaker.tilt_db + delivery.tilt_db)
    voiced += (aspiration + breath * voicing * (0.3 + opening)) * noise[0]
    return voiced, frication * (1 - 0.5 * voicing * (1 - opening)) * noise[1]


def tilt(source: np.ndarray, loss_db: float) -> np.ndarray:
    """A first-order shelf: 0 dB below TILT_CORNER_HZ, then falling to -`loss_db` (or rising, if that is a gain)."""
    high = 10 ** (-loss_db / 20)
    # Bilinear transform of (1 + s high / w) / (1 + s / w), with the corner of the pole or zero that comes first.
    warped = np.tan(np.pi * TILT_CORNER_HZ / SAMPLE_RATE) * max(1.0, high)
    pole_side, zero_side = 1 / warped, high / warped
    return lfilter([1 + zero_side, 1 - zero_side], [1 + pole_side, 1 - pole_side], source)


def tract_response(plan: Plan, speaker: Speaker, delivery: Delivery, frames: np.ndarray) -> np.ndarray:
    """Transfer functions (frames, bins) from the glottis to the lips at the times `frames` (s)."""
    targets = np.array([s.formants for s in plan.segments])  # (segments, 3)
    targets = SCHWA + delivery.articulation * (targets - SCHWA)
    bandwidths = np.array([s.bandwidths for s in plan.segments])
    zeros = np.array([[s.nasal_zero] for s in plan.segments])
    tracks = glide(np.hstack([targets, bandwidths, zeros]), plan.edges, frames, speaker.transition_s)
    scale = REFERENCE_TRACT_CM / speaker.tract_cm
    higher = np.array([hz * scale for hz in speaker.higher_formants if hz * scale < HIGHEST_FORMANT])
    formants = np.hstack([tracks[:, :3] * scale * speaker.formant_scale, np.tile(higher, (len(frames), 1))])
    widths = speaker.bandwidth_scale * np.hstack([tracks[:, 3:6], np.tile(HIGHER_BANDWIDTH * higher, (len(frames), 1))])
    nasal = np.full((len(frames), 1), NASAL_BANDWIDTH)
    poles = resonators(np.hstack([formants, np.full_like(nasal, NASAL_POLE)]), np.hstack([widths, nasal]))
    return response(resonators(tracks[:, 6:], nasal)) / response(poles)


def constriction_response(plan: Plan, speaker: Speaker, frames: np.ndarray) -> np.ndarray:
    """Transfer functions (frames, bins) of the cavity before a constriction, with radiation, of unit noise power."""
    targets = np.array([(s.noise_hz * speaker.noise_scale, s.noise_bandwidth) for s in plan.segments])
    tracks = glide(targets, plan.edges, frames, ONSET_SECONDS)
    shape = response(np.array([[1.0, -1.0]])) / response(resonators(tracks[:, :1], tracks[:, 1:]))
    return shape / np.sqrt(np.mean(np.abs(shape) ** 2, axis=1, keepdims=True))
