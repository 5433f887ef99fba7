"""Who speaks (physiology and habits) and how it is said (delivery)."""

from dataclasses import dataclass

import numpy as np

from voxdag.core.errors import Refused

REFERENCE_TRACT_CM = 17.0  # length of the vocal tract that the phoneme table belongs to: adult men
HIGHER_FORMANTS = (3500.0, 4500.0, 5500.0, 6500.0, 7500.0)  # Hz: a uniform tube has one per kHz; F4 and up

# median F0 (Hz), its spread over speakers (semitones), tract length and its spread (cm), glottal shape Rd.
# The lengths make women's formants about 15 % higher than men's, as measured by Hillenbrand et al., JASA 97 (1995).
SEXES = {"female": (195.0, 2.3, 14.8, 0.6, 1.1), "male": (116.0, 2.3, 16.9, 0.7, 0.8)}


@dataclass(frozen=True)
class Speaker:
    """Physiology and habits of one voice."""

    sex: str  # "female" | "male"
    tract_cm: float  # length of the vocal tract; formants go with its inverse
    formant_scale: tuple[float, float, float]  # own departure of F1..F3 from the table, a factor
    higher_formants: tuple[float, ...]  # Hz, F4 and up for a tract of REFERENCE_TRACT_CM
    bandwidth_scale: float  # losses of the tract, a factor on all bandwidths
    noise_scale: float  # own place of the fricatives' noise, a factor
    f0_hz: float  # geometric mean of F0
    accent_st: float  # rise of a full accent, semitones
    declination_st: float  # fall of the baseline over a phrase, semitones
    final_fall_st: float  # further fall in the last syllable of a phrase, semitones
    rd: float  # shape of the glottal pulse (Fant 1995): 0.4 pressed, 1 modal, 2.5 lax, with its open quotient
    tilt_db: float  # further loss of the voice source at high frequencies, dB
    aspiration_db: float  # noise in the voice source, re the glottal excitation's peak, dB
    jitter: float  # standard deviation of a pulse's time, fraction of the period
    shimmer_db: float  # standard deviation of a pulse's height, dB
    syllables_per_s: float  # articulation rate: syllables per second of speech, without the pauses
    transition_s: float  # time the tract takes from one target to the next
    phrase_syllables: float  # mean length of a phrase
    pause_s: float  # mean pause between phrases


@dataclass(frozen=True)
class Delivery:
    """How an utterance is said, relative to the speaker's neutral reading."""

    f0_scale: float = 1.0  # factor on the mean F0
    f0_range: float = 1.0  # factor on accents, declination and final fall in semitones
    tempo: float = 1.0  # factor on the articulation rate
    energy_db: float = 0.0  # level, dB
    tilt_db: float = 0.0  # loss of the voice source at high frequencies, dB; negative = brighter, strained
    breathiness: float = 0.0  # aspiration noise in the voice, dB more
    laxness: float = 1.0  # factor on Rd: < 1 pressed, > 1 lax
    jitter: float = 1.0  # factor on the speaker's jitter
    shimmer: float = 1.0  # factor on the speaker's shimmer
    accent_db: float = 4.0  # how much louder an accented syllable is, dB
    pause: float = 1.0  # factor on the pauses' length
    articulation: float = 1.0  # factor on all formants' distance from schwa: > 1 clear, < 1 mumbled
    final_st: float = 0.0  # semitones added at a phrase's end: > 0 rises
    tremor_st: float = 0.0  # amplitude of a 5.5 Hz tremor of F0, semitones


NEUTRAL = Delivery()


def draw_speaker(rng: np.random.Generator, sex: str) -> Speaker:
    """Draw a voice.

    Raises:
        ValueError: a sex that is not in SEXES.
    """
    if sex not in SEXES:
        raise Refused(f"sex is {sex!r}; valid: {', '.join(map(repr, SEXES))}")
    f0, f0_spread_st, tract_cm, tract_spread_cm, rd = SEXES[sex]
    return Speaker(
        sex=sex,
        tract_cm=tract_cm + tract_spread_cm * _bounded_normal(rng),
        formant_scale=tuple(1 + 0.03 * _bounded_normal(rng) for _ in range(3)),  # type: ignore[arg-type]
        higher_formants=tuple(hz + 140 * _bounded_normal(rng) for hz in HIGHER_FORMANTS),
        bandwidth_scale=rng.uniform(0.75, 1.3),
        noise_scale=rng.uniform(0.88, 1.12),
        f0_hz=f0 * 2 ** (f0_spread_st * _bounded_normal(rng) / 12),
        accent_st=rng.uniform(3.0, 7.0),
        declination_st=rng.uniform(2.0, 5.0),
        final_fall_st=rng.uniform(1.0, 4.0),
        rd=rd * rng.uniform(0.7, 1.35),
        tilt_db=rng.uniform(-13.0, 4.0),
        aspiration_db=rng.uniform(-48.0, -32.0),
        jitter=rng.uniform(0.002, 0.006),
        shimmer_db=rng.uniform(0.15, 0.6),
        syllables_per_s=rng.uniform(3.8, 6.0),
        transition_s=rng.uniform(0.055, 0.085),
        phrase_syllables=rng.uniform(6.0, 12.0),
        pause_s=rng.uniform(0.18, 0.45),
    )


def _bounded_normal(rng: np.random.Generator) -> float:
    """A standard normal number, held within 2 standard deviations."""
    return float(np.clip(rng.standard_normal(), -2.0, 2.0))
