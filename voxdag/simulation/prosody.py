"""The melody and the loudness of an utterance.

A superposition in the manner of H. Fujisaki (1984): a baseline that falls through each phrase and is reset at the next,
a bump on each accented syllable, a fall in each final one, and the small movements that consonants and vowels impose.
"""

from dataclasses import dataclass

import numpy as np

from voxdag.simulation.plan import Plan
from voxdag.simulation.speaker import Delivery, Speaker
from voxdag.simulation.tracks import glide

MICROPROSODY_SECONDS = 0.08  # time over which a consonant's pull on F0 fades
DRIFT_SECONDS, DRIFT_ST = 0.15, 0.25  # unsteadiness of the voice: a new value this often, standard deviation
TREMOR_HZ = 5.5
FADE_IN_SECONDS, FADE_OUT_SECONDS = 0.015, 0.06  # of the voice at a phrase's edges
PHRASE_FALL_DB = 4.0  # loss of level from the first to the last syllable
FINAL_RD = 0.35  # the voice grows this much laxer towards a phrase's end
ACCENT_RD = -0.15  # and tenser on an accent


@dataclass(frozen=True)
class Contour:
    """Prosody at the times asked for: arrays (times,)."""

    f0: np.ndarray  # Hz
    gain: np.ndarray  # linear, on the glottal excitation
    rd: np.ndarray  # shape of the glottal pulse


def contour(plan: Plan, speaker: Speaker, delivery: Delivery, time: np.ndarray, rng: np.random.Generator) -> Contour:
    """Prosody of `plan` at `time` (times,) in s; the mean of log F0 where there is voice is the speaker's."""
    position = phrase_position(plan, time)
    accent = accents(plan, time)
    semitones = _melody(plan, speaker, delivery, time, position, accent) + _unsteadiness(time, delivery, rng)
    voicing = glide(np.array([s.voicing for s in plan.segments]), plan.edges, time, 0.01)
    semitones -= np.average(semitones, weights=voicing + 1e-9)
    gain_db = delivery.accent_db * accent - PHRASE_FALL_DB * position
    return Contour(
        f0=speaker.f0_hz * delivery.f0_scale * 2 ** (semitones / 12),
        gain=10 ** (gain_db / 20) * _fades(plan, time),
        rd=speaker.rd * delivery.laxness * (1 + FINAL_RD * position**3 + ACCENT_RD * accent),
    )


def phrase_position(plan: Plan, time: np.ndarray) -> np.ndarray:
    """How far into its phrase each time is, 0..1; the way back goes through the pause."""
    return np.interp(time, np.ravel(plan.phrases), [0.0, 1.0] * len(plan.phrases))


def accents(plan: Plan, time: np.ndarray) -> np.ndarray:
    """Raised-cosine bumps, 0..1, peaking late in the accented syllables and twice as long as they are."""
    total = np.zeros(len(time))
    for syllable in plan.syllables:
        length = syllable.end - syllable.start
        away = (time - syllable.start - 0.6 * length) / length
        total += syllable.accent * np.where(np.abs(away) < 1, 0.5 + 0.5 * np.cos(np.pi * away), 0.0)
    return total


def _melody(
    plan: Plan, speaker: Speaker, delivery: Delivery, time: np.ndarray, position: np.ndarray, accent: np.ndarray
) -> np.ndarray:
    """Semitones: baseline, accents and finals scaled by the delivery, microprosody as it is."""
    final = np.zeros(len(time))
    for syllable in plan.syllables:
        if syllable.final:
            final += np.clip((time - syllable.start) / (syllable.end - syllable.start), 0, 1) * (time <= syllable.end)
    large = speaker.accent_st * accent - speaker.declination_st * position - speaker.final_fall_st * final
    shifts = np.array([s.f0_shift for s in plan.segments])
    return delivery.f0_range * large + delivery.final_st * final + glide(shifts, plan.edges, time, MICROPROSODY_SECONDS)


def _unsteadiness(time: np.ndarray, delivery: Delivery, rng: np.random.Generator) -> np.ndarray:
    """Semitones: slow random drift, and tremor if the delivery has it."""
    knots = np.arange(time[0], time[-1] + 2 * DRIFT_SECONDS, DRIFT_SECONDS)
    drift = np.interp(time, knots, DRIFT_ST * rng.standard_normal(len(knots)))
    return drift + delivery.tremor_st * np.sin(2 * np.pi * (TREMOR_HZ * time + rng.random()))


def _fades(plan: Plan, time: np.ndarray) -> np.ndarray:
    """0 in the pauses, 1 in the phrases, ramps at their edges."""
    knots, levels = [], []
    for start, end in plan.phrases:
        fade = min(1.0, (end - start) / (FADE_IN_SECONDS + FADE_OUT_SECONDS))
        knots += [start, start + fade * FADE_IN_SECONDS, end - fade * FADE_OUT_SECONDS, end]
        levels += [0.0, 1.0, 1.0, 0.0]
    return np.interp(time, knots, levels)
