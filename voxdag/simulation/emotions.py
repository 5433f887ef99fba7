"""How an emotion changes the way that something is said.

The directions follow reviews of measured and described voices; the sizes are ours.

    Banse & Scherer, "Acoustic profiles in vocal emotion expression", J. Pers. Soc. Psychol. 70 (1996)
    Juslin & Laukka, "Communication of emotions in vocal expression and music performance", Psychol. Bull. 129 (2003)
    Murray & Arnott, "Toward the simulation of emotion in synthetic speech", JASA 93 (1993)
    Scherer, "Vocal communication of emotion", Speech Communication 40 (2003)

                F0    range  rate  level  high freq.  voice                   contour
    calm        -     -      -     -      -           lax, regular            falls a little
    happy       +     +      +     +      +           clear                   rises a little
    sad         -     -      -     -      -           breathy, lax, slurred   falls
    angry       +     +      +     ++     ++          pressed, irregular      falls, strong accents
    fearful     ++    -      ++    0      0           irregular, trembling    rises a little
    disgust     -     +      --    0      0           pressed, irregular      falls far
    surprised   ++    ++     +     +      +           breathy                 rises far

Where the reviews differ: anger here is mostly hot anger and fear not panic (Banse & Scherer); the range of fear is
narrow and its level not raised (Juslin & Laukka; wide in Murray & Arnott); happy speech is a little faster. Calm has no
row of its own in them and takes that of tenderness (Juslin & Laukka); sadness is the quiet kind, without despair.
"""

from dataclasses import asdict, fields

import numpy as np

from voxdag.core.errors import Refused
from voxdag.simulation.speaker import NEUTRAL, Delivery

STRONG = 1.6  # a strong emotion's distance from neutral, in units of a normal one's
DELIVERIES = {  # in the order of RAVDESS's codes, at normal intensity
    "neutral": NEUTRAL,
    "calm": Delivery(
        f0_scale=0.94,
        f0_range=0.7,
        tempo=0.86,
        energy_db=-4.0,
        tilt_db=4.0,
        breathiness=2.5,
        laxness=1.2,
        jitter=0.8,
        shimmer=0.8,
        accent_db=2.8,
        pause=1.25,
        final_st=-0.6,
    ),
    "happy": Delivery(
        f0_scale=1.33,
        f0_range=1.6,
        tempo=1.1,
        energy_db=5.0,
        tilt_db=-4.0,
        laxness=0.94,
        accent_db=5.2,
        pause=0.9,
        articulation=1.15,
        final_st=2.0,
    ),
    "sad": Delivery(
        f0_scale=0.9,
        f0_range=0.55,
        tempo=0.8,
        energy_db=-6.0,
        tilt_db=5.0,
        breathiness=7.5,
        laxness=1.3,
        jitter=1.5,
        shimmer=1.4,
        accent_db=2.0,
        pause=1.6,
        articulation=0.75,
        final_st=-1.2,
        tremor_st=0.1,
    ),
    "angry": Delivery(
        f0_scale=1.35,
        f0_range=1.45,
        tempo=1.13,
        energy_db=8.0,
        tilt_db=-7.0,
        laxness=0.7,
        jitter=1.6,
        shimmer=1.5,
        accent_db=7.5,
        pause=0.75,
        articulation=1.25,
        final_st=-2.0,
    ),
    "fearful": Delivery(
        f0_scale=1.45,
        f0_range=0.8,
        tempo=1.25,
        breathiness=4.0,
        jitter=2.0,
        shimmer=1.6,
        accent_db=2.8,
        articulation=1.06,
        final_st=0.6,
        tremor_st=0.5,
    ),
    "disgust": Delivery(
        f0_scale=0.85,
        f0_range=1.2,
        tempo=0.77,
        laxness=0.82,
        jitter=1.4,
        shimmer=1.8,
        accent_db=6.0,
        pause=1.5,
        final_st=-3.0,
    ),
    "surprised": Delivery(
        f0_scale=1.5,
        f0_range=1.8,
        tempo=1.13,
        energy_db=4.0,
        tilt_db=-1.5,
        breathiness=4.0,
        articulation=1.12,
        final_st=5.0,
    ),
}
FACTORS = {  # spread between two ways of saying the same: standard deviation of the logarithm
    "f0_scale": 0.06,
    "f0_range": 0.2,
    "tempo": 0.08,
    "laxness": 0.08,
    "jitter": 0.2,
    "shimmer": 0.2,
    "pause": 0.2,
    "articulation": 0.06,
}
TERMS = {  # the same of what is added: standard deviation in dB or semitones
    "energy_db": 1.5,
    "tilt_db": 1.5,
    "breathiness": 1.5,
    "accent_db": 0.8,
    "final_st": 0.8,
    "tremor_st": 0.08,
}


def express(emotion: str, strength: float = 1.0) -> Delivery:
    """The delivery of an emotion at `strength` times its normal distance from neutral.

    Factors are raised to that power; what is in dB or semitones is multiplied.

    Raises Refused, listing the valid names, for an unknown emotion.
    """
    if emotion not in DELIVERIES:
        raise Refused(f"unknown emotion {emotion!r}, expected one of {', '.join(DELIVERIES)}")
    normal, neutral = asdict(DELIVERIES[emotion]), asdict(NEUTRAL)
    factors = {name: normal[name] ** strength for name in FACTORS}
    terms = {name: neutral[name] + strength * (normal[name] - neutral[name]) for name in TERMS}
    return Delivery(**factors, **terms)


def vary(delivery: Delivery, size: float, rng: np.random.Generator) -> Delivery:
    """Another way of saying the same: every part departs by its own random step, `size` times the usual spread."""
    steps = dict(
        zip((field.name for field in fields(Delivery)), rng.standard_normal(len(fields(Delivery))), strict=True)
    )
    given = asdict(delivery)
    factors = {name: given[name] * np.exp(size * spread * steps[name]) for name, spread in FACTORS.items()}
    terms = {name: given[name] + size * spread * steps[name] for name, spread in TERMS.items()}
    terms["tremor_st"] = abs(terms["tremor_st"])  # an amplitude
    return Delivery(**factors, **terms)
