"""What is said and when: phrases of syllables of segments, filling a given time exactly."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from voxdag.simulation import phonemes
from voxdag.simulation.phonemes import Segment
from voxdag.simulation.speaker import Delivery, Speaker

SHORTEST_PHRASE = 3  # syllables that must still fit after a pause
ACCENT_RATE = 0.4  # share of syllables that ask for an accent; two in a row are not given
ACCENTED_VOWEL, FINAL_VOWEL, FINAL_CODA = 1.25, 1.6, 1.3  # lengthening
VOWEL_SPREAD = 0.25  # of the logarithm of a vowel's duration: what the rules above do not explain
LEADING_CLOSURE_SECONDS = 0.008  # a closure that begins an utterance is silence: keep only its end

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Syllable:
    """Where a syllable lies and how strong its accent is."""

    start: float  # s
    end: float  # s
    accent: float  # 0 (none) to 1
    final: bool  # the last of its phrase


@dataclass(frozen=True)
class Plan:
    """An utterance on its time axis."""

    segments: list[Segment]
    edges: np.ndarray  # (segments + 1,) s
    syllables: list[Syllable]
    phrases: list[tuple[float, float]]  # start and end, s


def plan_utterance(speaker: Speaker, delivery: Delivery, seconds: float, rng: np.random.Generator) -> Plan:
    """Fill `seconds` with phrases and pauses at the speaker's articulation rate."""
    lengths, pauses = _phrase_lengths(speaker, delivery, seconds, rng)
    accents = [_accents(length, rng) for length in lengths]
    drafts = [[_syllable(a, i == len(row) - 1, rng) for i, a in enumerate(row)] for row in accents]
    drafts[0][0] = _without_leading_silence(drafts[0][0])
    spoken = [segment for phrase in drafts for syllable in phrase for segment in syllable]
    durations = iter(_fit(spoken, seconds - sum(pauses)).tolist())
    return _lay_out(drafts, accents, [*pauses, 0.0], durations)


def _phrase_lengths(
    speaker: Speaker, delivery: Delivery, seconds: float, rng: np.random.Generator
) -> tuple[list[int], list[float]]:
    """Syllables of each phrase and the pauses (s) between them."""
    rate = speaker.syllables_per_s * delivery.tempo
    lengths: list[int] = []
    pauses: list[float] = []
    left = seconds
    while True:
        length = max(SHORTEST_PHRASE, round(speaker.phrase_syllables * rng.uniform(0.6, 1.4)))
        pause = speaker.pause_s * delivery.pause * rng.uniform(0.6, 1.6)
        if left < (length + SHORTEST_PHRASE) / rate + pause:
            return [*lengths, max(1, round(left * rate))], pauses
        lengths.append(length)
        pauses.append(pause)
        left -= length / rate + pause


def _accents(syllables: int, rng: np.random.Generator) -> list[float]:
    """Accent strengths of a phrase: never two in a row, at least one."""
    accents = [0.0] * syllables
    for i in range(syllables):
        if rng.random() < ACCENT_RATE and (i == 0 or accents[i - 1] == 0):
            accents[i] = rng.uniform(0.5, 1.0)
    if not any(accents):
        accents[int(rng.integers(syllables))] = 1.0
    return accents


def _syllable(accent: float, final: bool, rng: np.random.Generator) -> list[Segment]:
    """Draw onset, nucleus and coda; an accented vowel is full and longer, a final one longer still."""
    onset, vowel = _draw(phonemes.ONSETS, rng), _draw(phonemes.NUCLEI, rng)
    coda = _draw(phonemes.CODAS, rng)
    vowel = "ʌ" if accent and vowel == "ə" else vowel
    lengthening = (ACCENTED_VOWEL if accent else 1.0) * (FINAL_VOWEL if final else 1.0)
    lengthening *= np.exp(VOWEL_SPREAD * rng.standard_normal())
    released = final or rng.random() < 0.5
    segments = [s for name in onset for s in phonemes.consonant(name, aspirated=len(onset) == 1)]
    segments += [replace(s, seconds=s.seconds * lengthening) for s in phonemes.nucleus(vowel)]
    stretched = FINAL_CODA if final else 1.0
    codas = [s for name in coda for s in phonemes.consonant(name, released)]
    return segments + [replace(s, seconds=s.seconds * stretched) for s in codas]


def _draw(weights: Mapping[Choice, int], rng: np.random.Generator) -> Choice:
    """A key of `weights`, as often as its value says."""
    cumulative = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]


def _without_leading_silence(syllable: list[Segment]) -> list[Segment]:
    """Shorten a silent first closure, and keep it short whatever the tempo."""
    first, *rest = syllable
    if first.voicing or first.frication or first.aspiration:
        return syllable
    return [replace(first, seconds=LEADING_CLOSURE_SECONDS, stretch=0.0), *rest]


def _fit(segments: list[Segment], seconds: float) -> np.ndarray:
    """Durations (s) that add up to `seconds`: each segment by its own share of a common change of tempo."""
    natural = np.array([s.seconds for s in segments])
    share = np.array([s.stretch for s in segments])
    low, high = -12.0, 12.0  # logarithm of the common factor
    for _ in range(40):
        factor = (low + high) / 2
        low, high = (low, factor) if (natural * np.exp(share * factor)).sum() > seconds else (factor, high)
    durations = natural * np.exp(share * low)
    return durations * (seconds / durations.sum())


def _lay_out(
    drafts: list[list[list[Segment]]], accents: list[list[float]], pauses: list[float], durations: Iterator[float]
) -> Plan:
    """Put drafted phrases one after another, each followed by its pause."""
    segments, edges, syllables, phrases = [], [0.0], [], []
    for phrase, phrase_accents, pause in zip(drafts, accents, pauses, strict=True):
        phrase_start = edges[-1]
        for i, (syllable, accent) in enumerate(zip(phrase, phrase_accents, strict=True)):
            start = edges[-1]
            for segment in syllable:
                segments.append(segment)
                edges.append(edges[-1] + next(durations))
            syllables.append(Syllable(start, edges[-1], accent, final=i == len(phrase) - 1))
        phrases.append((phrase_start, edges[-1]))
        if pause:
            segments.append(phonemes.silence(pause))
            edges.append(edges[-1] + pause)
    return Plan(segments, np.array(edges), syllables, phrases)
