"""Time to score enhanced speech: LLR and WSS beside loops over frames, and every metric of a folder of pairs.

Usage:  python -m benchmarks.enhancement_scoring [--clean FOLDER --noisy FOLDER] [--jobs 2]

The loops are what most Python programs for these measures do: one frame after the other, each band's peak searched for
step by step. Both ways have one thread and are timed by the processor's clock; their values must be equal. Folders hold
WAV files of the same names at 16 kHz; without them there is a synthetic pair alone.
"""

import argparse
import math
import resource
import time
from pathlib import Path

import numpy as np
import soundfile
from scipy.linalg import toeplitz
from threadpoolctl import threadpool_limits

from voxdag.scoring import enhancement, pairs, segmental, spectral_slope
from voxdag.scoring.segmental import HOP, ORDER, RATE, SIZE, WINDOW

SECONDS, REPEATS = 3.0, 9


def loop_llr(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """LLR frame by frame."""
    distances = []
    for start in range(0, (clean.size - SIZE) // HOP * HOP, HOP):
        lags, of_clean = loop_lpc(clean[start : start + SIZE] * WINDOW)
        _, of_enhanced = loop_lpc(enhanced[start : start + SIZE] * WINDOW)
        matrix = toeplitz(lags)
        distances.append(math.log((of_enhanced @ matrix @ of_enhanced) / (of_clean @ matrix @ of_clean)))
    return segmental.lowest(np.array(distances))


def loop_lpc(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lags and prediction error filter (ORDER + 1,) of one frame."""
    lags = np.array([frame[: SIZE - lag] @ frame[lag:] for lag in range(ORDER + 1)])
    coefficients, error = np.zeros(ORDER + 1), lags[0]
    coefficients[0] = 1
    for step in range(1, ORDER + 1):
        reflection = -(coefficients[:step] @ lags[step:0:-1]) / error
        coefficients[1 : step + 1] += reflection * coefficients[:step][::-1]
        error *= 1 - reflection**2
    return lags, coefficients


def loop_wss(clean: np.ndarray, enhanced: np.ndarray) -> float:
    """WSS frame by frame and band by band."""
    filters, distances = np.ascontiguousarray(spectral_slope.filters().T), []
    for start in range(0, (clean.size - SIZE) // HOP * HOP, HOP):
        sums, slopes = 0.0, []
        for wave in (clean, enhanced):
            spectrum = np.abs(np.fft.fft(wave[start : start + SIZE] * WINDOW, spectral_slope.TRANSFORM)) ** 2
            energy = filters @ spectrum[: spectral_slope.TRANSFORM // 2]
            levels = 10 * np.log10(np.maximum(energy, spectral_slope.ENERGY_FLOOR))
            slopes.append(np.diff(levels))
            gaps = loop_peaks(levels, slopes[-1]) - levels[:-1]
            sums = sums + 20 / (20 + levels.max() - levels[:-1]) * 1 / (1 + gaps)
        distances.append((sums * (slopes[0] - slopes[1]) ** 2).sum() / sums.sum())
    return segmental.lowest(np.array(distances))


def loop_peaks(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The nearest peak of each band of one frame."""
    peaks = np.empty(slopes.size)
    for band in range(slopes.size):
        place = band
        if slopes[band] > 0:
            while place < slopes.size and slopes[place] > 0:
                place += 1
            peaks[band] = levels[place - 1]
        else:
            while place >= 0 and slopes[place] <= 0:
                place -= 1
            peaks[band] = levels[place + 1]
    return peaks


def synthetic() -> pairs.Pair:
    """Noise in syllables, and the same with more noise."""
    rng = np.random.default_rng(0)
    seconds = np.arange(round(SECONDS * RATE)) / RATE
    clean = 0.1 * rng.normal(size=seconds.size) * (0.05 + np.sin(6 * np.pi * seconds) ** 2)
    return pairs.Pair("synthetic", clean, clean + 0.02 * rng.normal(size=seconds.size))


def read(clean: Path, noisy: Path) -> list[pairs.Pair]:
    """The pairs of two folders, by name."""
    names = sorted(path.name for path in clean.glob("*.wav"))
    return [
        pairs.Pair(name, *(soundfile.read(folder / name, dtype="int16")[0] for folder in (clean, noisy)))
        for name in names
    ]


def timed(action) -> tuple[object, float]:
    """What an action gives, and the shortest processor time of REPEATS, seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        value = action()
        times.append(time.process_time() - start)
    return value, min(times)


def over_frames(clean: np.ndarray, enhanced: np.ndarray) -> tuple[float, float]:
    """LLR and WSS of all frames at once."""
    parts = [
        (segmental.llr_of_frames(*frames), spectral_slope.wss_of_frames(*frames))
        for frames in segmental.blocks(clean, enhanced)
    ]
    return tuple(segmental.lowest(np.concatenate(part)) for part in zip(*parts, strict=True))


def compare(pair: pairs.Pair) -> None:
    """Print the times of both ways."""
    clean, enhanced = (wave / 32768 if wave.dtype == np.int16 else wave for wave in pair[1:])
    with threadpool_limits(1):
        loops, slow = timed(lambda: (loop_llr(clean, enhanced), loop_wss(clean, enhanced)))
        ours, fast = timed(lambda: over_frames(clean, enhanced))
    np.testing.assert_allclose(ours, loops, rtol=1e-8)
    took = f"loops {1e3 * slow:.1f} ms, here {1e3 * fast:.1f} ms, {slow / fast:.1f} times as fast"
    print(f"LLR + WSS of {clean.size / RATE:.1f} s ({pair.name}): {took}")


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", type=Path)
    parser.add_argument("--noisy", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    compare(synthetic())
    if arguments.clean:
        listed = read(arguments.clean, arguments.noisy)
        compare(listed[0])
        start = time.perf_counter()
        table = pairs.table(listed, RATE, (enhancement.score,), arguments.jobs)
        took, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = sum(pair.clean.size for pair in listed) / RATE
        print(f"{len(table)} pairs, {seconds:.1f} s of audio, {arguments.jobs} processes: {took:.2f} s, of which their")
        print(f"processors were at work for {used.ru_utime + used.ru_stime:.2f} s, starting included")
        print(table.mean().round(4).to_string())


if __name__ == "__main__":
    main()
