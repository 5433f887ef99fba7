"""Music-like clips whose cues follow valence and arousal: melody, chords and bass from wavetables, and percussion.

    cue            valence  arousal   what it is
    mode           ++       -         major or minor: thirds of the chords, steps of the scale
    consonance     +        -         shares of chords with a semitone in them, and of melody notes beside the scale
    contour        ++                 how steeply the melody's lines rise or fall
    regularity     ++       -         even notes, or notes that come late off the beat
    register       +                  of all pitches
    articulation   +        +         short, detached notes; else long ones that touch
    tempo          +        +         of the beat
    swell                   ++        how much louder, or softer, each chord becomes
    level                   +         of the clip
    brightness              +         strength of high harmonics
    percussion              +         level of the drums

    ++ is a weight of 0.8 or more, - a small one below 0. Contour and swell have the largest weights and the least noise

The direction of swell, all sizes and the noise on every cue are ours; the other directions are after the literature of
these cues, from memory:

    Juslin & Laukka, "Communication of emotions in vocal expression and music performance", Psychol. Bull. 129 (2003)
    Gabrielsson & Lindström, "The role of structure in the musical expression of emotions", in Handbook of Music and
        Emotion, Oxford University Press, 2010
    Eerola, Friberg & Bresin, "Emotional expression in music: contribution, linearity, and additivity of primary musical
        cues", Frontiers in Psychology 4 (2013)

Contour and swell are patterns in time and frequency: turned round, they hardly change the mean and the deviation of any
band along time. A clip's mean spectrum and level tell a little of arousal, and of valence hardly more than the two
have in common. Key, progression, rhythm and instruments are drawn, and tell nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft
from scipy.signal import butter, sosfilt

from voxdag.core.errors import Refused

SAMPLE_RATE = 16_000  # Hz
SHORTEST_SECONDS = 2.0  # a bar of 4/4 at a slow tempo is 4 s, two beats are 2 s
UNIT = 0.3  # of valence and arousal in -1..1: the standard deviation of labels of music (DEAM: .29 and .32)
# cue -> weights of valence and arousal (in units of UNIT), and the standard deviation of its noise
CUES = {
    "mode": (0.8, -0.1, 0.6),
    "consonance": (0.6, -0.2, 0.8),
    "contour": (1.2, 0.0, 0.3),
    "regularity": (0.8, -0.2, 0.5),
    "register": (0.2, 0.0, 1.2),
    "articulation": (0.15, 0.4, 0.8),
    "tempo": (0.1, 0.5, 0.7),
    "swell": (0.0, 1.2, 0.3),
    "level": (0.0, 0.4, 1.6),
    "brightness": (0.0, 0.4, 1.4),
    "percussion": (0.0, 0.4, 1.4),
}
TEMPO, TEMPO_OCTAVES, TEMPI = 100.0, 0.35, (50.0, 190.0)  # beats/min: the middle, octaves a unit, ends
LINE_STEP, LINE_STEPS = 0.9, 2.5  # steps of the scale from note to note of a melody's line; the most, up or down
SWELL_STEP_DB, SWELL_DB = 7.0, 16.0  # from the beginning to the end of a chord; the most, up or down
LATE_STEP, LATE = 0.12, 0.3  # of a beat, that a note off the beat comes late; the most
LEVEL_DB, LEVEL_STEP_DB = -26.0, 3.5  # of the clip, dB re full scale, RMS; of a unit
SLOPE, SLOPE_STEP, SLOPES = 1.7, -0.3, (0.7, 2.9)  # harmonic k has the amplitude k ** -slope
SOUNDING, SOUNDING_STEP, SOUNDINGS = 0.65, -0.18, (0.2, 1.0)  # share of a note's time that it sounds
TONIC = 57.0  # MIDI number of A3, 220 Hz, in the middle of the tonics
REGISTER_STEP = 3.0  # semitones
KEYS = 2  # semitones to either side of the register's tonic
PERCUSSION_DB, PERCUSSION_STEP_DB = -13.0, 6.0  # re the notes
TABLE = 4096  # samples of one period
HARMONICS = 24  # at most
ATTACK, RELEASE = 0.008, 0.02  # s
FLOOR_DB = -75.0  # of the noise of a recording, dB re full scale
PEAK_LIMIT = 0.99  # full scale is 1; a louder clip is turned down as a whole
SCALES = {True: (0, 2, 4, 5, 7, 9, 11), False: (0, 2, 3, 5, 7, 8, 10)}  # major, natural minor
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 3, 0, 4))  # steps of the scale, a chord a bar
BEATS, CHORD_BEATS = 4, 2  # of a bar, of a chord
RHYTHMS = (  # beats
    (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
    (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0),
    (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
)
MELODY_DB, CHORDS_DB, BASS_DB = 0.0, -9.0, -4.0


@dataclass(frozen=True)
class Cues:
    """What of a clip follows its affect.

    major        whether thirds and scale are those of major
    dissonance   share of chords and of melody notes that are dissonant, 0..1
    rising       steps of the scale from note to note of the melody's lines; below 0 they fall
    late         share of a beat that notes off the beat come late
    swell_db     how much louder a chord ends than it begins, dB; below 0 softer
    tonic        MIDI number
    sounding     share of a note's time that it sounds
    tempo        beats per minute
    level_db     RMS of the clip, dB re full scale
    slope        harmonic k has the amplitude k ** -slope
    drums_db     level of the percussion re the notes
    """

    major: bool
    dissonance: float
    rising: float
    late: float
    swell_db: float
    tonic: float
    sounding: float
    tempo: float
    level_db: float
    slope: float
    drums_db: float


@dataclass(frozen=True)
class Instrument:
    """A timbre: relative strength of the even harmonics, and s in which a note falls to 1/e."""

    even: float
    decay: float


def draw_cues(valence: float, arousal: float, rng: np.random.Generator) -> Cues:
    """The cues of a clip that is meant to have this valence and arousal (-1..1), each with noise of its own."""
    for name, value in (("valence", valence), ("arousal", arousal)):
        if not -1 <= value <= 1:
            raise Refused(f"{name} is {value}, expected -1 to 1")
    drawn = {
        name: (of_valence * valence + of_arousal * arousal) / UNIT + noise * rng.standard_normal()
        for name, (of_valence, of_arousal, noise) in CUES.items()
    }
    return Cues(
        major=bool(drawn["mode"] > 0),
        dissonance=_share(-drawn["consonance"]) ** 2,
        rising=float(np.clip(LINE_STEP * drawn["contour"], -LINE_STEPS, LINE_STEPS)),
        late=float(np.clip(LATE / 2 - LATE_STEP * drawn["regularity"], 0, LATE)),
        swell_db=float(np.clip(SWELL_STEP_DB * drawn["swell"], -SWELL_DB, SWELL_DB)),
        tonic=TONIC + REGISTER_STEP * drawn["register"] + float(rng.integers(-KEYS, KEYS + 1)),
        sounding=float(np.clip(SOUNDING + SOUNDING_STEP * drawn["articulation"], *SOUNDINGS)),
        tempo=float(np.clip(TEMPO * 2 ** (TEMPO_OCTAVES * drawn["tempo"]), *TEMPI)),
        level_db=LEVEL_DB + LEVEL_STEP_DB * drawn["level"],
        slope=float(np.clip(SLOPE + SLOPE_STEP * drawn["brightness"], *SLOPES)),
        drums_db=PERCUSSION_DB + PERCUSSION_STEP_DB * drawn["percussion"],
    )


def perform(cues: Cues, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A clip, (n,) at SAMPLE_RATE, peak below full scale. Raises Refused for less than SHORTEST_SECONDS."""
    if seconds < SHORTEST_SECONDS:
        raise Refused(f"a clip of {seconds} s, expected {SHORTEST_SECONDS} s or more")
    samples = round(seconds * SAMPLE_RATE)
    parts = np.zeros((3, samples))  # melody, chords, bass
    beat = 60 / cues.tempo
    progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    instruments = [Instrument(rng.uniform(0.2, 1.0), np.exp(rng.uniform(np.log(0.3), np.log(1.5)))) for _ in parts]
    for bar in range(int(np.ceil(seconds / (BEATS * beat)))):
        step, start = progression[bar % len(progression)], bar * BEATS * beat
        _play_melody(parts[0], cues, instruments[0], step, start, rng)
        _play_chords(parts[1], cues, instruments[1], step, start, rng)
        _play_bass(parts[2], cues, instruments[2], step, start)
    notes: Any = sum(
        _decibels(db) * _unit(part) for db, part in zip((MELODY_DB, CHORDS_DB, BASS_DB), parts, strict=True)
    )
    through = np.arange(samples) / SAMPLE_RATE / (CHORD_BEATS * beat) % 1  # of each chord, 0..1
    notes *= _decibels(cues.swell_db * (through - 0.5))
    wave = _unit(notes) + _decibels(cues.drums_db) * _unit(_drums(samples, beat, rng))
    wave = _decibels(cues.level_db) * _unit(wave) + _decibels(FLOOR_DB) * rng.standard_normal(samples)
    return wave * min(1.0, PEAK_LIMIT / np.abs(wave).max())


def pitch(cues: Cues, step: int) -> float:
    """MIDI number of a step of the clip's scale above (or below) its tonic."""
    octave, place = divmod(step, len(SCALES[cues.major]))
    return cues.tonic + 12 * octave + SCALES[cues.major][place]


def note(midi: float, seconds: float, slope: float, instrument: Instrument) -> np.ndarray:
    """One note, (n,): harmonics below 0.45 of the rate, a rise of ATTACK, a decay, a fall of RELEASE."""
    hz = 440 * 2 ** ((midi - 69) / 12)
    order = np.arange(1, max(2, min(HARMONICS + 1, int(0.45 * SAMPLE_RATE / hz) + 1)))
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    spectrum[order] = -1j * order**-slope * np.where(order % 2, 1.0, instrument.even)
    period = fft.irfft(spectrum) * TABLE / 2
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    ends = np.minimum(1.0, np.minimum(time / ATTACK, (seconds - time) / RELEASE))
    return ends * np.exp(-time / instrument.decay) * period[(time * hz * TABLE).astype(int) % TABLE]


def _play_melody(
    part: np.ndarray, cues: Cues, instrument: Instrument, step: int, start: float, rng: np.random.Generator
) -> None:
    """A bar of the melody: a line that rises or falls through a note of the chord, an octave above it."""
    beat = 60 / cues.tempo
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))]
    middle = step + 7 + int(rng.choice([0, 2, 4]))
    onsets = np.cumsum([0.0, *rhythm])
    onsets = onsets + cues.late * (onsets % 1 > 0)  # beats; those off the beat come late
    for k, (onset, end) in enumerate(itertools.pairwise(onsets)):
        place = middle + round(cues.rising * (k - (len(rhythm) - 1) / 2))
        wrong = float(rng.random() < 0.6 * cues.dissonance)  # a semitone beside the scale
        sound = note(pitch(cues, place) + wrong, cues.sounding * (end - onset) * beat, cues.slope, instrument)
        _add(part, start + onset * beat, sound)


def _play_chords(
    part: np.ndarray, cues: Cues, instrument: Instrument, step: int, start: float, rng: np.random.Generator
) -> None:
    """A bar of chords, one each two beats: root, third and fifth, and a semitone above the root where dissonant."""
    triad = [pitch(cues, step + third) for third in (0, 2, 4)]
    if rng.random() < cues.dissonance:
        triad.append(triad[0] + 13)
    length = CHORD_BEATS * 60 / cues.tempo
    chord: Any = sum(note(midi, cues.sounding * length, cues.slope, instrument) for midi in triad)
    for half in range(BEATS // CHORD_BEATS):
        _add(part, start + half * length, chord)


def _play_bass(part: np.ndarray, cues: Cues, instrument: Instrument, step: int, start: float) -> None:
    """A bar of the bass: the chord's root, an octave below it, on each beat."""
    length = 60 / cues.tempo
    sound = note(pitch(cues, step) - 12, cues.sounding * length, cues.slope, instrument)
    for beat in range(BEATS):
        _add(part, start + beat * length, sound)


def _drums(samples: int, beat: float, rng: np.random.Generator) -> np.ndarray:
    """A kick on the first and third beat, a snare on the others, a hi-hat each half: (samples,)."""
    wave = np.zeros(samples)
    time = np.arange(round(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = rng.standard_normal((2, len(time)))
    kick = np.exp(-time / 0.06) * np.sin(2 * np.pi * (50 * time + 2.5 * (1 - np.exp(-time / 0.02))))
    snare = (
        0.5 * np.exp(-time / 0.05) * sosfilt(butter(1, [300, 4000], "bandpass", fs=SAMPLE_RATE, output="sos"), noise[0])
    )
    hat = 0.25 * np.exp(-time / 0.02) * sosfilt(butter(2, 5000, "highpass", fs=SAMPLE_RATE, output="sos"), noise[1])
    for half in range(int(np.ceil(2 * samples / SAMPLE_RATE / beat))):
        _add(wave, half * beat / 2, hat)
        if half % 2 == 0:
            _add(wave, half * beat / 2, snare if half % 4 else kick)
    return wave


def _share(value: float) -> float:
    """A share of 0 to 1, one half at 0."""
    return float(1 / (1 + np.exp(-1.7 * value)))


def _decibels(value: Any) -> Any:
    """Amplitude ratio of a value in dB."""
    return 10 ** (value / 20)


def _unit(wave: np.ndarray) -> np.ndarray:
    """The wave with a mean square of 1."""
    return wave / np.sqrt(np.mean(wave**2))


def _add(wave: np.ndarray, start: float, sound: np.ndarray) -> None:
    """Add a sound from `start` (s) on, as far as the wave goes."""
    first = round(start * SAMPLE_RATE)
    heard = sound[: max(0, len(wave) - first)]
    wave[first : first + len(heard)] += heard
