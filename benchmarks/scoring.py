"""Time and memory to score an evaluation set of the size of ASVspoof 2019 LA, or ASVspoof 5, with random scores.

Usage:  python -m benchmarks.scoring [--replicates 1000] [--corpus asvspoof5] [--steps headline intervals breakdown]

71,237 trials, 13 attacks, 67 speakers (ASVspoof 5: 680,774, 16, 737, without ASV scores); headline, intervals by
utterance and by speaker, and the breakdown by attack with its intervals.
"""

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from voxdag.core.allocator import keep_large_blocks
from voxdag.tasks.antispoof import metrics

SIZES = {"asvspoof2019_la": (7_355, 13, 4_914, 67), "asvspoof5": (138_688, 16, 33_880, 737)}
STEPS = ("headline", "intervals", "breakdown")
ASV_TRIALS = {"target": 5370, "nontarget": 33327, "spoof": 63882}


def random_predictions(corpus: str, rng: np.random.Generator) -> pd.DataFrame:
    """Gaussian scores, two standard deviations between bona fide and spoof."""
    bonafide, count, each, speakers = SIZES[corpus]
    attacks = [None] * bonafide + [f"A{7 + attack:02d}" for attack in range(count) for _ in range(each)]
    labels = np.where(pd.isna(attacks), "bonafide", "spoof")
    return pd.DataFrame(
        {
            "id": np.arange(labels.size).astype(str),
            "speaker": rng.integers(speakers, size=labels.size).astype(str),
            "label": labels,
            "attack": attacks,
            "score": rng.normal(size=labels.size) + 2 * (labels == "bonafide"),
        }
    )


def random_asv(rng: np.random.Generator) -> pd.DataFrame:
    """Gaussian ASV scores; spoofs lie between nontargets and targets and are shared out over the attacks."""
    keys = np.repeat(list(ASV_TRIALS), list(ASV_TRIALS.values()))
    means = pd.Series(keys).map({"target": 4.0, "nontarget": 0.0, "spoof": 3.0})
    attacks = np.array([f"A{7 + trial % SIZES['asvspoof2019_la'][1]:02d}" for trial in range(keys.size)])
    return pd.DataFrame({"attack": attacks, "key": keys, "score": rng.normal(means)})


def main() -> None:
    """Print seconds per step and the peak memory of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--corpus", choices=list(SIZES), default="asvspoof2019_la")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    arguments, rng = parser.parse_args(), np.random.default_rng(0)
    keep_large_blocks()  # as the stages do
    scoring = metrics.Scoring(replicates=arguments.replicates, confidence=0.95, by=("attack",))
    predictions = random_predictions(arguments.corpus, rng)
    asv = random_asv(rng) if arguments.corpus == "asvspoof2019_la" else metrics.NO_ASV
    steps = {
        "headline": lambda: metrics.headline(predictions, asv),
        "intervals": lambda: metrics.intervals(predictions, asv, scoring, seed=0),
        "breakdown": lambda: metrics.breakdown(predictions, asv, scoring.by, scoring, seed=0),
    }
    began = time.perf_counter()
    for name, step in ((name, steps[name]) for name in arguments.steps):
        start = time.perf_counter()
        step()
        print(f"{name:10} {time.perf_counter() - start:7.2f} s")
    print(f"{'total':10} {time.perf_counter() - began:7.2f} s")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    print(f"peak       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:7.0f} MiB")


if __name__ == "__main__":
    main()
