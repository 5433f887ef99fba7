"""The phonemes of the simulated language: what the vocal tract and the sources aim at, segment by segment.

Sources, both for adult men:
    vowels       J. Hillenbrand et al., "Acoustic characteristics of American English vowels", JASA 97 (1995), table V
    consonants   D. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), tables II and III
Schwa, the durations, the strengths and the colours of the noises, and 60 Hz for the nasals' narrowest resonance are
ours, set so that the long-term spectrum and the levels resemble read speech.
"""

from dataclasses import dataclass
from typing import Any

NASAL_POLE = 270.0  # Hz, Klatt (1980); a zero at the same place cancels it in oral sounds
NASAL_ZERO = 450.0  # Hz, Klatt (1980)


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with one target.

    Strengths are linear: `voicing` relative to a vowel's glottal excitation, `frication` (noise at a constriction)
    and `aspiration` (noise at the glottis) as standard deviations relative to that excitation's peak.
    """

    seconds: float
    formants: tuple[float, float, float]  # Hz
    bandwidths: tuple[float, float, float]  # Hz
    voicing: float = 0.0
    frication: float = 0.0
    aspiration: float = 0.0
    noise_hz: float = 4000.0  # resonance of the cavity before the constriction
    noise_bandwidth: float = 3000.0  # Hz
    nasal_zero: float = NASAL_POLE  # Hz
    f0_shift: float = 0.0  # semitones: intrinsic pitch, microprosody
    stretch: float = 1.0  # share of a change of tempo that this segment takes; vowels give more than bursts


VOWEL_BANDWIDTHS = (60.0, 90.0, 150.0)  # Hz

VOWELS = {  # F1, F2, F3 in Hz, duration in ms
    "i": (342, 2322, 3000, 105),
    "ɪ": (427, 2034, 2684, 75),
    "ɛ": (580, 1799, 2605, 90),
    "æ": (588, 1952, 2601, 120),
    "ɑ": (768, 1333, 2522, 120),
    "ɔ": (652, 997, 2538, 120),
    "ʊ": (469, 1122, 2434, 80),
    "u": (378, 997, 2343, 105),
    "ʌ": (623, 1200, 2550, 80),
    "ɝ": (474, 1379, 1710, 110),
    "ə": (500, 1400, 2500, 55),
}
DIPHTHONGS = {"eɪ": ("ɛ", "i"), "aɪ": ("ɑ", "ɪ"), "aʊ": ("ɑ", "ʊ"), "oʊ": ("ɔ", "u"), "ɔɪ": ("ɔ", "ɪ")}

SONORANTS = {  # F1, F2, F3, B1, B2, B3 in Hz, duration in ms, voicing, nasal zero in Hz
    "w": (290, 610, 2150, 50, 80, 60, 60, 0.5, NASAL_POLE),
    "j": (260, 2070, 3020, 40, 250, 500, 60, 0.5, NASAL_POLE),
    "ɹ": (310, 1060, 1380, 70, 100, 120, 65, 0.5, NASAL_POLE),
    "l": (310, 1050, 2880, 50, 100, 280, 65, 0.5, NASAL_POLE),
    "m": (480, 1270, 2130, 60, 200, 200, 70, 0.35, NASAL_ZERO),
    "n": (480, 1340, 2470, 60, 300, 300, 60, 0.35, NASAL_ZERO),
    "ŋ": (480, 2000, 2900, 60, 300, 300, 65, 0.35, NASAL_ZERO),
}
FRICATIVES = {  # F1, F2, F3, B1, B2, B3 in Hz, duration in ms, voicing, noise: strength, centre and width in Hz
    "f": (340, 1100, 2080, 200, 120, 150, 95, 0.0, 0.04, 6500, 5000),
    "v": (220, 1100, 2080, 60, 90, 120, 60, 0.25, 0.012, 6500, 5000),
    "θ": (320, 1290, 2540, 200, 90, 200, 90, 0.0, 0.03, 6000, 4500),
    "ð": (270, 1290, 2540, 60, 80, 170, 45, 0.3, 0.01, 6000, 4500),
    "s": (320, 1390, 2530, 200, 80, 200, 105, 0.0, 0.13, 5300, 1700),
    "z": (240, 1390, 2530, 70, 60, 180, 70, 0.25, 0.06, 5300, 1700),
    "ʃ": (300, 1840, 2750, 200, 100, 300, 105, 0.0, 0.16, 3100, 1000),
    "ʒ": (300, 1840, 2750, 70, 60, 280, 70, 0.25, 0.08, 3100, 1000),
}
STOPS = {  # F1, F2, F3, B1, B2, B3 in Hz, voicing in the closure, burst strength, burst centre and bandwidth in Hz
    "p": (400, 1100, 2150, 300, 150, 220, 0.0, 0.10, 1000, 2500),
    "b": (200, 1100, 2150, 60, 110, 130, 0.15, 0.07, 900, 2500),
    "t": (400, 1600, 2600, 300, 120, 250, 0.0, 0.20, 4200, 1800),
    "d": (200, 1600, 2600, 60, 100, 170, 0.15, 0.14, 4000, 1800),
    "k": (300, 1990, 2850, 250, 160, 330, 0.0, 0.22, 1900, 600),
    "g": (200, 1990, 2850, 60, 150, 280, 0.15, 0.15, 1900, 600),
}
AFFRICATES = {"tʃ": ("t", "ʃ"), "dʒ": ("d", "ʒ")}

ASPIRATION = 0.10  # strength after a voiceless stop and in /h/
CLOSURE_SECONDS, BURST_SECONDS, VOT_SECONDS = 0.07, 0.010, 0.040

# What may stand where, with weights after the rough frequencies of English.
ONSETS = {
    (): 8, ("t",): 7, ("n",): 6, ("d",): 6, ("s",): 6, ("ð",): 6, ("l",): 5, ("ɹ",): 5, ("k",): 5, ("m",): 5, ("w",): 5,
    ("h",): 4, ("b",): 4, ("p",): 4, ("f",): 4, ("g",): 3, ("v",): 3, ("j",): 2, ("z",): 2, ("ʃ",): 2, ("θ",): 2,
    ("tʃ",): 2, ("dʒ",): 2, ("s", "t"): 2, ("p", "ɹ"): 2, ("t", "ɹ"): 2, ("s", "p"): 1, ("s", "k"): 1, ("k", "w"): 1,
    ("g", "ɹ"): 1, ("p", "l"): 1, ("f", "ɹ"): 1, ("b", "l"): 1, ("s", "m"): 1, ("s", "l"): 1,
}  # fmt: skip
NUCLEI = {
    "ə": 14, "ɪ": 10, "ɛ": 6, "i": 7, "æ": 6, "ʌ": 5, "ɑ": 5, "ɔ": 4, "u": 5, "ʊ": 2, "ɝ": 4, "eɪ": 5, "aɪ": 5, "oʊ": 4,
    "aʊ": 2, "ɔɪ": 1,
}  # fmt: skip
CODAS = {
    (): 32, ("n",): 9, ("t",): 6, ("d",): 5, ("s",): 5, ("z",): 5, ("ɹ",): 5, ("l",): 5, ("m",): 3, ("k",): 3,
    ("v",): 2, ("p",): 2, ("ŋ",): 2, ("f",): 1, ("tʃ",): 1, ("dʒ",): 1, ("θ",): 1, ("n", "t"): 2, ("n", "d"): 2,
    ("s", "t"): 2, ("k", "s"): 1, ("l", "d"): 1,
}  # fmt: skip


def vowel(name: str, share: float = 1.0) -> Segment:
    """The vowel `name`, `share` of its duration long; a high vowel has a higher intrinsic pitch."""
    *formants, milliseconds = VOWELS[name]
    shift = 0.6 * (500 - formants[0]) / 200
    return Segment(share * milliseconds / 1000, tuple(formants), VOWEL_BANDWIDTHS, voicing=1.0, f0_shift=shift)  # type: ignore[arg-type]


def nucleus(name: str) -> list[Segment]:
    """A vowel in one segment, a diphthong as a glide between two."""
    if name in DIPHTHONGS:
        start, end = DIPHTHONGS[name]
        return [vowel(start, share=0.65), vowel(end, share=0.65)]
    return [vowel(name)]


def sonorant(name: str) -> Segment:
    """A glide, liquid or nasal."""
    f1, f2, f3, b1, b2, b3, milliseconds, voicing, zero = SONORANTS[name]
    return Segment(milliseconds / 1000, (f1, f2, f3), (b1, b2, b3), voicing, nasal_zero=zero, stretch=0.8)


def fricative(name: str) -> Segment:
    """A fricative; voicing lowers the pitch around it, voicelessness raises it."""
    f1, f2, f3, b1, b2, b3, milliseconds, voicing, noise, centre, width = FRICATIVES[name]
    return Segment(
        milliseconds / 1000, (f1, f2, f3), (b1, b2, b3), voicing, noise,
        noise_hz=centre, noise_bandwidth=width, f0_shift=-1.0 if voicing else 1.5, stretch=0.7,
    )  # fmt: skip


def stop(name: str, released: bool, aspirated: bool) -> list[Segment]:
    """A stop: closure, then if `released` a burst, then if `aspirated` the time until the voice sets in."""
    f1, f2, f3, b1, b2, b3, voicing, noise, centre, width = STOPS[name]
    place: dict[str, Any] = {"formants": (f1, f2, f3), "bandwidths": (b1, b2, b3)}
    place |= {"f0_shift": -1.0 if voicing else 1.5, "stretch": 0.5}
    segments = [Segment(CLOSURE_SECONDS, voicing=voicing, **place)]
    if released:
        segments.append(Segment(BURST_SECONDS, frication=noise, noise_hz=centre, noise_bandwidth=width, **place))
    if released and aspirated and not voicing:
        segments.append(Segment(VOT_SECONDS, aspiration=ASPIRATION, **place))
    return segments


def consonant(name: str, released: bool = True, aspirated: bool = False) -> list[Segment]:
    """The segments of any consonant; `released` and `aspirated` matter to stops alone.

    Raises:
        KeyError: no such consonant.
    """
    if name in STOPS:
        return stop(name, released, aspirated)
    if name in AFFRICATES:
        closure, release = AFFRICATES[name]
        return [*stop(closure, released=True, aspirated=False), fricative(release)]
    if name == "h":
        breath = Segment(0.055, (500, 1400, 2500), (250, 130, 180), aspiration=ASPIRATION, f0_shift=0.5, stretch=0.7)
        return [breath]
    return [fricative(name) if name in FRICATIVES else sonorant(name)]


def silence(seconds: float) -> Segment:
    """A pause: the tract returns to rest."""
    return Segment(seconds, (500, 1500, 2500), (120, 130, 180))
