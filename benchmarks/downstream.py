"""What denoising is worth to a task behind it: emotions in noisy speech, recognised with and without a denoiser.

Usage:  python -m benchmarks.downstream CLONE --speech RAVDESS --noisy FOLDER --clean FOLDER --weights FILE
                                        [--snrs 0 5 10] [--epochs 10] [--seeds 1 2 3]
Reads:  CLONE      a clone of the repository, in which nothing has run
        RAVDESS    in its official layout
        the two folders: pairs of files with one name, whose differences are the noises
        FILE       weights of a BSRNN, as training writes them
Writes: CLONE/data/corpora/ravdess, CLONE/params.yaml, and what `dvc repro compare@emotion` makes
Prints: UAR of each system on the eval actors of fold 1, and every two systems' paired difference, with 95 % intervals

One system hears the noisy recordings; each other one is trained and evaluated on what a denoiser made of the same.
Their speech is not cut, so that nothing but the denoiser differs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from voxdag.audio import decode
from voxdag.audio.mixing import mix
from voxdag.core import streams
from voxdag.corpora import listing, material
from voxdag.corpora.making import write_flac

METHODS = ("spectral_gate", "rnnoise", "network")
STRETCHES = {"batch_size": 4, "samples": 160_000, "overlap": 16_000}


def sound(path: Path) -> np.ndarray:
    """(n,) at 16 kHz."""
    wave, rate = decode.read(path)
    return decode.resample(decode.mix(wave), rate, material.RATE)


def make_noisy(speech: Path, noisy: Path, clean: Path, out: Path, snrs: list[float]) -> int:
    """Write every file of `speech` with a drawn noise at a drawn SNR to `out`; gives their number."""
    paths, _ = listing.audio_in(noisy)
    noises = [sound(path) - sound(clean / path.relative_to(noisy)) for path in paths]
    files, _ = listing.audio_in(speech)
    for path in files:
        name = path.relative_to(speech).with_suffix(".flac")
        draw = streams.generator(0, "downstream", name.as_posix())
        wave = sound(path)
        noise = material.stretch(noises[draw.integers(len(noises))], len(wave), draw)
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_flac(out / name, mix(wave, noise, float(draw.choice(snrs)))[0], material.RATE)
    return len(files)


def settings(tree: dict, weights: str, epochs: int, seeds: list[int]) -> dict:
    """params.yaml with a denoiser and a system for each method, beside the system that hears the noise."""
    emotion = tree["tasks"]["emotion"]
    emotion["prepare"] |= {"corpus": "ravdess", "fold": 1}
    emotion["prepare"]["corpora"]["ravdess"] |= {"official": False, "allow_departures": True}
    emotion["features"]["front_end"]["vad"] = "none"
    tier1 = tree["systems"]["tier1"] | {"seeds": seeds}
    tier1["train"] = tier1["train"] | {"epochs": epochs}
    systems, cleaned = {"noisy": tier1}, {}
    for method in METHODS:
        own = method == "network"
        cleaned[method] = {
            "task": "enhance",
            "recordings": "features/emotion",
            "weights": f"inputs/weights/{weights if own else 'none'}",
            "network": "bsrnn" if own else None,
            "config": None,
            "changes": None,
            "settings": {"method": method, "vad": "none", "stretches": dict(STRETCHES)},
        }
        systems["bsrnn_before" if own else method] = tier1 | {"recordings": f"cleaned/{method}"}
    return tree | {"systems": systems, "cleaned": cleaned, "baselines": {}}


def main() -> None:
    """Make the corpus, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    for name in ("--speech", "--noisy", "--clean", "--weights"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--snrs", type=float, nargs="+", default=[0.0, 5.0, 10.0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    count = make_noisy(given.speech, given.noisy, given.clean, given.clone / "data/corpora/ravdess", given.snrs)
    print(f"{count} noisy recordings", flush=True)
    (given.clone / "data/weights").mkdir(parents=True, exist_ok=True)
    shutil.copy(given.weights, given.clone / "data/weights")
    file = given.clone / "params.yaml"
    tree = settings(yaml.safe_load(file.read_text()), given.weights.name, given.epochs, given.seeds)
    file.write_text(yaml.dump(tree, Dumper=Plain, sort_keys=False))
    status = subprocess.call([sys.executable, "-m", "dvc", "repro", "compare@emotion"], cwd=given.clone)
    if status:
        sys.exit(status)
    for system in tree["systems"]:
        table = pd.read_csv(given.clone / f"metrics/{system}/intervals.csv")
        print(table[table["metric"] == "uar"].assign(system=system).to_string(index=False))
    pairs = pd.read_csv(given.clone / "compare/emotion/pairs.csv")
    print(pairs[pairs["metric"] == "uar"].to_string(index=False))


class Plain(yaml.SafeDumper):
    """YAML without references: DVC's reader of foreach knows none."""

    def ignore_aliases(self, data: object) -> bool:
        """All data are written out."""
        return True


if __name__ == "__main__":
    main()
