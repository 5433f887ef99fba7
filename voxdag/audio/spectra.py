"""Short-time spectra: framing, overlap-add, STFT, mel bands, and filters that change with time.

Frame t is centred on sample t * hop and a wave of N samples has N // hop + 1 frames; beyond its ends the wave is zero.
"""

import numpy as np
from scipy import fft

from voxdag.core.errors import Refused


def frame(wave: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Cut a wave into overlapping frames: (samples,) -> (frames, size), a read-only view of a padded copy."""
    padded = np.pad(wave, (size // 2, size))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[: len(wave) + 1 : hop]


def overlap_add(frames: np.ndarray, hop: int, samples: int) -> np.ndarray:
    """Add frames (frames, size) up at the places `frame` cuts them from: -> (samples,)."""
    count, size = frames.shape
    steps = -(-size // hop)
    total = np.zeros((count + steps, hop), dtype=frames.dtype)
    for step in range(steps):
        part = frames[:, step * hop : (step + 1) * hop]
        total[step : step + count, : part.shape[1]] += part
    return total.ravel()[size // 2 : size // 2 + samples]


def hann(size: int) -> np.ndarray:
    """Periodic Hann window: 0.5 - 0.5 cos(2 pi n / size)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def stft(wave: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Hann-windowed short-time Fourier transform: (samples,) -> (frames, size // 2 + 1) complex."""
    return fft.rfft(frame(wave, size, hop) * hann(size), axis=1)


def istft(spectrum: np.ndarray, hop: int, samples: int) -> np.ndarray:
    """The wave whose STFT is nearest to `spectrum` in the least-squares sense: (frames, bins) -> (samples,).

    Griffin and Lim (1984), equation 6: windowed overlap-add over the summed squared window. Inverts `stft` exactly.
    """
    size = 2 * (spectrum.shape[1] - 1)
    window = hann(size)
    weight = overlap_add(np.broadcast_to(window**2, (len(spectrum), size)), hop, samples)
    return overlap_add(fft.irfft(spectrum, axis=1) * window, hop, samples) / weight


def time_varying_filter(wave: np.ndarray, response: np.ndarray, hop: int) -> np.ndarray:
    """Filter a wave with one frequency response per frame: (samples,), (frames, bins) -> (samples,).

    Frames of half the transform size, Hann-windowed and zero-padded on both sides, are filtered and overlap-added, so
    impulse responses up to a quarter of the transform size to either side do not wrap round. A response of one
    returns the wave.

    Raises Refused if the number of responses is not the number of frames.
    """
    frames = len(wave) // hop + 1
    if len(response) != frames:
        raise Refused(f"{len(response)} responses for {frames} frames ({len(wave)} samples, hop {hop})")
    size = 2 * (response.shape[1] - 1)
    window = np.pad(hann(size // 2), size // 4)
    filtered = fft.irfft(fft.rfft(frame(wave, size, hop) * window, axis=1) * response, axis=1)
    weight = overlap_add(np.broadcast_to(window, (frames, size)), hop, len(wave))
    return overlap_add(filtered, hop, len(wave)) / weight


def mel_bank(bands: int, size: int, rate: int) -> np.ndarray:
    """Triangular mel filters of unit height from 0 Hz to rate / 2: (bands, size // 2 + 1).

    mel = 2595 log10(1 + Hz / 700) (O'Shaughnessy 1987). Between the first and the last centre the rows add up to one.

    Raises Refused if a band is narrower than a bin and so holds none.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    hz = np.arange(size // 2 + 1) * rate / size
    rising = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(bank.sum(axis=1) == 0)
    if len(empty):
        raise Refused(f"mel band {empty[0]} of {bands} holds no bin of a {size}-point transform at {rate} Hz")
    return bank


def log_mel(wave: np.ndarray, bands: int, size: int, hop: int, rate: int, floor: float = 1e-5) -> np.ndarray:
    """Natural log of the mel-weighted mean STFT magnitude plus `floor`: (samples,) -> (frames, bands)."""
    bank = mel_bank(bands, size, rate)
    return np.log(np.abs(stft(wave, size, hop)) @ (bank / bank.sum(axis=1, keepdims=True)).T + floor)


def mel_blur(magnitude: np.ndarray, bands: int, rate: int) -> np.ndarray:
    """A magnitude spectrogram as its mel bands remember it: (frames, bins) -> (frames, bins).

    Each band keeps its weighted mean; bins are interpolated between the band centres and held flat beyond them.
    """
    bank = mel_bank(bands, 2 * (magnitude.shape[1] - 1), rate)
    means = magnitude @ (bank / bank.sum(axis=1, keepdims=True)).T  # (frames, bands)
    return means @ (bank / np.maximum(bank.sum(axis=0), 1e-9))
