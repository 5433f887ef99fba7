"""Voice conversion: the source's own wave with another voice's spectral envelope filtered into it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.spatial.distance import cdist

from voxdag.audio.spectra import frame, hann, log_mel, stft, time_varying_filter
from voxdag.core.errors import Refused
from voxdag.simulation.cepstrum import cepstral_envelope, from_half_cepstrum, minimum_phase, warp_frequency
from voxdag.simulation.lpc import linear_prediction

RATE = 16_000  # Hz
SIZE = 1024  # samples, 64 ms
HOP = 160  # samples, 10 ms
FLOOR = 1e-5  # added to magnitudes before the logarithm
DONORS = 3  # recordings of the target that one conversion looks at
DONOR_S = 4.0  # seconds of each


def codebook_mapping(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codebook mapping (Abe et al. 1988): 12 to 32 spectral shapes, each exchanged for that of another vocal tract.

    The shapes are the utterance's own cepstra (order 24), quantised; the other tract is 10 to 20 % shorter or longer,
    its resonances moved by that factor. Envelopes jump from frame to frame and take few values.
    """
    log_spectrum = np.log(np.abs(stft(wave, SIZE, HOP)) + FLOOR)
    cepstrum = fft.irfft(log_spectrum, axis=1)[:, : SIZE // 2 + 1]
    cepstrum[:, 25:] = 0
    source = from_half_cepstrum(cepstrum)
    size = min(int(rng.integers(12, 33)), len(cepstrum) // 2)
    codes, codebook = vector_quantise(cepstrum[:, 1:25], size, rng)
    cepstrum[:, 1:25] = codebook[codes]
    factor = float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.10), np.log(1.20))))
    return time_varying_filter(wave, np.exp(warp_frequency(from_half_cepstrum(cepstrum), factor) - source), HOP)


def vector_quantise(vectors: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Codes (frames,) and codebook (size, features) of vectors (frames, features): k-means, 8 rounds from random rows.

    Raises Refused if there are fewer vectors than codes.
    """
    if size > len(vectors):
        raise Refused(f"a codebook of {size} needs at least {size} frames, got {len(vectors)}")
    codebook = vectors[rng.choice(len(vectors), size, replace=False)]
    for _ in range(8):
        member = cdist(vectors, codebook).argmin(axis=1)[:, None] == np.arange(size)
        used = member.any(axis=0)
        codebook[used] = (member.T @ vectors)[used] / member.sum(axis=0)[used, None]
    return cdist(vectors, codebook).argmin(axis=1), codebook


@dataclass(frozen=True)
class SpectralFiltering:
    """Transfer-function voice conversion (Matrouf, Bonastre and Fredouille 2006) towards the donors' voice.

    Each frame's all-pole envelope (of `order`) is exchanged, by the share `strength` in log magnitude, for the mean
    envelope of the `neighbours` donor frames that sound most alike. Each frame keeps its power and, the filters being
    zero-phase, its phase.

    Raises Refused if there is no donor.
    """

    order: tuple[int, int]  # lowest and highest
    neighbours: int
    strength: tuple[float, float]

    def __call__(self, wave: np.ndarray, donors: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        if not donors:
            raise Refused("spectral filtering converts towards a donor's voice, but got 0 donors")
        order = int(rng.integers(self.order[0], self.order[1] + 1))
        chosen = excerpts(donors, rng)
        distance = np.concatenate([cdist(_sound(wave, HOP), _sound(donor, 2 * HOP)) for donor in chosen], axis=1)
        target_bank = np.concatenate([_all_pole_envelope(donor, order, 2 * HOP) for donor in chosen])
        nearest = np.argpartition(distance, self.neighbours, axis=1)[:, : self.neighbours]
        target = target_bank[nearest].mean(axis=1)
        change = rng.uniform(*self.strength) * (target - _all_pole_envelope(wave, order, HOP))
        return time_varying_filter(wave, np.exp(_keep_power(change, wave)), HOP)


def excerpts(donors: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Up to DONORS of the donors, drawn without replacement, each cut to DONOR_S seconds at a random place."""
    chosen = [donors[index] for index in rng.permutation(len(donors))[:DONORS]]
    length = int(DONOR_S * RATE)
    starts = [int(rng.integers(max(len(donor) - length, 0) + 1)) for donor in chosen]
    return [donor[start : start + length] for donor, start in zip(chosen, starts, strict=True)]


def _sound(wave: np.ndarray, hop: int) -> np.ndarray:
    """What two frames of unlike voices have in common: log-mel spectra less their mean over time (frames, 24)."""
    mel = log_mel(wave, 24, SIZE // 2, hop, RATE)
    return mel - mel.mean(axis=0)


def _all_pole_envelope(wave: np.ndarray, order: int, hop: int) -> np.ndarray:
    """Log magnitude of 1 / A at each frame's bins (frames, bins)."""
    coefficients, _ = linear_prediction(frame(wave, SIZE // 2, hop) * hann(SIZE // 2), order)
    return -np.log(np.abs(fft.rfft(coefficients, SIZE, axis=1)) + 1e-4)


def _keep_power(change: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """Log responses (frames, bins) shifted, frame by frame, so that filtering keeps the frame's power."""
    power = np.abs(stft(wave, SIZE, HOP)) ** 2 + FLOOR**2
    return change - 0.5 * np.log((power * np.exp(2 * change)).sum(axis=1) / power.sum(axis=1))[:, None]


def differential_filter(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Direct waveform modification (Kobayashi et al. 2014): only the difference of two smooth envelopes is filtered in.

    The excitation and its phase stay natural. The target tract is 4 to 9 % shorter or longer, envelopes have a cepstral
    order of 20, and the minimum-phase filter of their difference is as quiet a trace as these attacks leave.
    """
    envelope = cepstral_envelope(np.log(np.abs(stft(wave, SIZE, HOP)) + FLOOR), 20)
    factor = float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.04), np.log(1.09))))
    return time_varying_filter(wave, minimum_phase(warp_frequency(envelope, factor) - envelope), HOP)
