"""Attacks that cut recordings and join the pieces."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from voxdag.audio.pitch import Pitch, track_pitch
from voxdag.audio.spectra import log_mel
from voxdag.simulation.attacks.conversion import excerpts

RATE = 16_000  # Hz
HOP = 160  # samples, 10 ms
PSOLA_HOP = 80  # samples, 5 ms


@dataclass(frozen=True)
class UnitSelection:
    """Unit selection (Hunt and Black 1996): the utterance spoken again in pieces of other recordings.

    The utterance is cut into units; each is replaced by the piece of a donor, or of the utterance elsewhere, whose
    log-mel spectra are nearest, provided their RMS difference is at most `accept`. A unit that nothing resembles is
    kept, moved by 3 to 10 ms. Neighbours are joined by a linear crossfade with no regard to pitch or phase. Without
    donors the utterance itself is the whole inventory.
    """

    unit_s: tuple[float, float]  # shortest and longest unit, seconds
    crossfade_s: float
    accept: float  # nepers

    def __call__(self, wave: np.ndarray, donors: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        level = np.sqrt(np.mean(wave**2))
        chosen = excerpts([donor * level / np.sqrt(np.mean(donor**2)) for donor in donors], rng)
        fade = int(self.crossfade_s * RATE)
        inventory = np.concatenate([wave, *chosen])
        starts = [int(start) for start in self._cuts(len(wave), rng)]
        sounds = [log_mel(part, 24, 512, HOP, RATE, floor=0.01 * level) for part in [wave, *chosen]]
        nearness = [cdist(sounds[0], sound, "sqeuclidean") / sounds[0].shape[1] for sound in sounds]
        offsets = np.cumsum([0] + [len(part) for part in [wave, *chosen]])
        sources = [self._source(nearness, offsets, start, end, rng) for start, end in itertools.pairwise(starts)]
        return join(inventory, sources, starts, fade)

    def _cuts(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """First samples of the units, and the end."""
        shortest, longest = (int(seconds * RATE) for seconds in self.unit_s)
        cuts = np.cumsum(rng.integers(shortest, longest + 1, size=samples // shortest + 1))
        return np.concatenate([[0], cuts[cuts < samples - shortest], [samples]])

    def _source(self, nearness, offsets, start: int, end: int, rng: np.random.Generator) -> int:
        """Where in the inventory the unit start..end comes from (its first sample)."""
        first, length = start // HOP, end // HOP - start // HOP + 1
        best_cost, best = self.accept**2, None
        for index, table in enumerate(nearness):
            places = table.shape[1] - length
            if places < 1:
                continue
            cost = sum(table[first + step, step : step + places] for step in range(length)) / length
            if index == 0:
                cost[max(first - length, 0) : first + length] = np.inf
            if cost.min() < best_cost:
                best_cost, best = cost.min(), int(offsets[index]) + int(cost.argmin()) * HOP + start % HOP
        shift = int(rng.choice([-1, 1]) * rng.integers(int(0.003 * RATE), int(0.010 * RATE)))
        return start + shift if best is None else best


def join(inventory: np.ndarray, sources: Sequence[int], starts: Sequence[int], fade: int) -> np.ndarray:
    """Lay `inventory` from sources[i] on over starts[i]..starts[i + 1]; neighbours fade over `fade` samples."""
    out = np.zeros(starts[-1] + 2 * fade)
    ramp = (np.arange(fade) + 0.5) / fade
    padded = np.pad(inventory, RATE)
    for source, (start, end) in zip(sources, itertools.pairwise(starts), strict=True):
        length = end - start
        piece = padded[RATE + source - fade // 2 :][: length + fade].copy()
        piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        out[start : start + length + fade] += piece
    return out[fade // 2 : fade // 2 + starts[-1]]


def pitch_shift_psola(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Raise or lower the voice by 8 to 20 %, one pitch period at a time: TD-PSOLA (Moulines and Charpentier 1990)."""
    pitch = track_pitch(wave, RATE, PSOLA_HOP)
    factor = float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.08), np.log(1.20))))
    marks = pitch_marks(wave, pitch)
    return overlap_periods(wave, marks, pitch, factor)


def pitch_marks(wave: np.ndarray, pitch: Pitch) -> np.ndarray:
    """One sample per pitch period: the highest peak of the wave's stronger side within the middle of each period."""
    side = wave * np.sign(np.sum(wave**3))
    marks, place = [], 0.0
    while place < len(wave):
        index = min(int(place) // PSOLA_HOP, len(pitch.hz) - 1)
        period = RATE / pitch.hz[index]
        if pitch.voiced[index]:
            low = max(int(place - 0.25 * period), 0)
            place = float(low + side[low : int(place + 0.25 * period) + 1].argmax())
        marks.append(int(place))
        place += period
    return np.array(marks)


def overlap_periods(wave: np.ndarray, marks: np.ndarray, pitch: Pitch, factor: float) -> np.ndarray:
    """Lay two-period Hann grains, cut at the nearest mark, at a spacing of period / factor; unvoiced parts stay."""
    margin = int(RATE / pitch.hz.min()) + 2
    padded = np.pad(wave, margin)
    out, weight = np.zeros(len(padded)), np.zeros(len(padded))
    halfway = (marks[1:] + marks[:-1]) / 2
    place = float(marks[0])
    while place < len(wave):
        index = min(int(place) // PSOLA_HOP, len(pitch.hz) - 1)
        period = int(RATE / pitch.hz[index])
        source = marks[np.searchsorted(halfway, place)] if pitch.voiced[index] else int(place)
        window = np.hanning(2 * period + 1)
        start, cut = int(place) + margin - period, source + margin - period
        out[start : start + len(window)] += window * padded[cut : cut + len(window)]
        weight[start : start + len(window)] += window
        place += period / factor if pitch.voiced[index] else period
    return (out / np.maximum(weight, 0.1))[margin:-margin]
