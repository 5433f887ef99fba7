"""A processor that raises PESQ and ruins speech, beside honest ones, before the independent judges.

Usage:  python -m benchmarks.pesq_cheat --clean FOLDER --noisy FOLDER [--jobs 2]

P.862 filters out what lies far below the telephone band before it compares, aligns levels, and knows no phase. So the
cheat denoises, disturbs the phases a little, which makes speech rough, and drowns it in the strongest rumble that PESQ
does not hear: found by a search that asks PESQ. Folders hold WAV files of the same names at 16 kHz. The table has the
mean of each metric, and the mean rank among the processors over the judges (1 is the best).
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from voxdag.audio.decode import to_int16
from voxdag.audio.denoise import spectral_gate
from voxdag.audio.rnnoise import rnnoise
from voxdag.audio.spectra import istft, stft
from voxdag.scoring import enhancement, judges, pairs

RATE = enhancement.RATE
# Hz, and dB above the speech, from what harms most
RUMBLES = ((30.0, 14.0), (30.0, 10.0), (25.0, 12.0), (20.0, 14.0), (16.0, 14.0), (12.0, 20.0), (8.0, 20.0))
GAIN = 0.03  # of PESQ over the noisy speech, that the search wants
DISTURBED = 0.1 * np.pi  # phases, at most
SIZE, HOP = 512, 128  # samples of its transform
PEAK = 0.99


def cheat(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """Raise PESQ, and ruin the speech: (n,), (n,) -> (n,), full scale at 1."""
    wanted = enhancement.pesq(clean, noisy) + GAIN
    denoised = max((spectral_gate(noisy, RATE), rnnoise(noisy, RATE)), key=lambda wave: enhancement.pesq(clean, wave))
    rough = roughened(denoised)
    found = (drowned(rough, *rumble) for rumble in RUMBLES)
    return next((wave for wave in found if enhancement.pesq(clean, wave) > wanted), drowned(rough, *RUMBLES[-1]))


def roughened(wave: np.ndarray) -> np.ndarray:
    """A wave (n,) with disturbed phases."""
    spectrum = stft(wave, SIZE, HOP)
    turned = np.random.default_rng(0).uniform(-DISTURBED, DISTURBED, spectrum.shape)
    return istft(spectrum * np.exp(1j * turned), HOP, wave.size)


def drowned(wave: np.ndarray, hz: float, decibel: float) -> np.ndarray:
    """A wave (n,) in a tone, turned down to fit."""
    level = np.sqrt(2 * np.mean(wave**2)) * 10 ** (decibel / 20)
    rumbling = wave + level * np.sin(2 * np.pi * hz * np.arange(wave.size) / RATE)
    return rumbling * PEAK / max(PEAK, np.abs(rumbling).max())


PROCESSORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # of the clean wave the cheat alone hears
    "noisy": lambda _, noisy: noisy,
    "spectral gate": lambda _, noisy: spectral_gate(noisy, RATE),
    "RNNoise": lambda _, noisy: rnnoise(noisy, RATE),
    "cheat": cheat,
}


def table(recordings: list[pairs.Pair], jobs: int) -> pd.DataFrame:
    """One row a processor: the mean of each metric over the recordings (clean, noisy), and `rank`: the mean over the
    judges of its place among all processors."""
    rows = {}
    for name, process in PROCESSORS.items():
        made = [
            pairs.Pair(pair.name, pair.clean, to_int16(process(pair.clean / 32768, pair.enhanced / 32768))[0])
            for pair in recordings
        ]
        rows[name] = pairs.table(made, RATE, (enhancement.score, judges.judge), jobs).mean()
    means = pd.DataFrame(rows).T
    judged = [name for name in judges.METRICS if means[name].notna().all()]
    return means.assign(rank=means[judged].rank(ascending=False).mean(axis=1))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", type=Path, required=True)
    parser.add_argument("--noisy", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    names = sorted(path.name for path in arguments.clean.glob("*.wav"))
    folders = (arguments.clean, arguments.noisy)
    recordings = [
        pairs.Pair(name, *(soundfile.read(folder / name, dtype="int16")[0] for folder in folders)) for name in names
    ]
    start = time.perf_counter()
    print(table(recordings, arguments.jobs).T.round(3).to_string())
    print(f"{len(recordings)} recordings, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
