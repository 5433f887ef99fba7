"""Time acoustic features beside torchaudio's: log-mel and MFCC, and fbank beside its form of Kaldi's.

Usage:  python -m benchmarks.acoustic_speed [--batch 16] [--seconds 10] [--bands 64] [--rounds 5] [--threads 1]
        [--device cpu]

The two take turns, each in its own process, on a batch of noise at 16 kHz; torchaudio's fbank takes one recording at a
time. Throughput is seconds of audio a second: how many times real time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi
from torch import Tensor

from benchmarks import side_by_side
from voxdag.audio.acoustic import KINDS, Acoustic, Extractor
from voxdag.core.allocator import keep_large_blocks

RATE, FFT, WINDOW, HOP = 16_000, 512, 400, 160  # Hz; samples
LOW, HIGH = 20.0, 8000.0  # Hz
COEFFICIENTS = 40
FBANK_BANDS = 128  # those of AST; with a window of 400 samples the other kinds refuse so many


def ours(kind: str, bands: int, device: str) -> Callable[[Tensor], object]:
    rows = FBANK_BANDS if kind == "fbank" else bands
    acoustic = Acoustic(kind, rows, COEFFICIENTS, 1000 * WINDOW / RATE, 1000 * HOP / RATE, LOW, HIGH, 0, "none")
    extractor = Extractor(acoustic, RATE).to(device)
    return lambda waves: extractor(waves, torch.full(waves.shape[:1], waves.shape[1], device=device))


def torchaudios(kind: str, bands: int, device: str) -> Callable[[Tensor], object]:
    if kind == "fbank":
        settings = {"num_mel_bins": FBANK_BANDS, "window_type": "hanning", "htk_compat": True}
        return lambda waves: [kaldi.fbank(wave[None], sample_frequency=RATE, **settings) for wave in waves]
    mel = {"n_fft": FFT, "win_length": WINDOW, "hop_length": HOP, "n_mels": bands, "f_min": LOW, "f_max": HIGH}
    if kind == "mfcc":
        return torchaudio.transforms.MFCC(RATE, COEFFICIENTS, log_mels=True, melkwargs=mel).to(device)
    spectrogram = torchaudio.transforms.MelSpectrogram(RATE, **mel).to(device)
    return lambda waves: spectrogram(waves).clamp(min=1e-8).log()


def make(side: str, batch: int, seconds: float, bands: int, threads: int, device: str) -> side_by_side.Steps:
    """The kinds of one side, ours with `keep_large_blocks`."""
    torch.set_num_threads(threads)
    if side == "ours":
        keep_large_blocks()
    waves = (0.1 * torch.randn(batch, round(seconds * RATE))).to(device)
    features = {kind: (ours if side == "ours" else torchaudios)(kind, bands, device) for kind in KINDS}
    return {kind: partial(torch.inference_mode()(extract), waves) for kind, extract in features.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--bands", type=int, default=64, help=f"of log-mel and MFCC; fbank has {FBANK_BANDS}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    settings = (given.batch, given.seconds, given.bands, given.threads, given.device)
    sides = {side: (make, (side, *settings)) for side in ("ours", "torchaudio")}
    results = side_by_side.measure(sides, KINDS, given.rounds)
    print("\n".join(side_by_side.report(results, given.batch * given.seconds, "s", lambda step, seconds: "")))


if __name__ == "__main__":
    main()
