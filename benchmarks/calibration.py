"""What calibration leaves between actDCF and minDCF: fitted to dev, or to trials of the attacks it is tested on.

Usage:  python -m benchmarks.calibration SYSTEM [...] [--halves 20]
Reads:  data/predictions/<system>/dev.csv, eval.csv of the default run's countermeasures
Prints: per system minDCF, actDCF of the scores as they are, of the affine map fitted to dev, and of the one fitted to
        half of eval's speakers and tested on the other half (means over draws of halves, both ways; with their minDCF),
        and of one fitted to the very trials that it is tested on, which no affine map is expected to better

All at the costs of ASVspoof 5, means over members. Speakers of the two halves differ, attacks do not; dev has neither.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from voxdag.core import command, params, streams
from voxdag.scoring import dcf, eer, llr, members
from voxdag.tasks import results
from voxdag.tasks.antispoof.metrics import CLASSES

TASK, COSTS = "antispoof", dcf.ASVSPOOF5


def by_class(rows: pd.DataFrame) -> list[np.ndarray]:
    """Scores of bona fide speech and of spoofs."""
    return [rows.loc[rows["label"] == label, "score"].to_numpy(float) for label in CLASSES]


def costs(fitted: pd.DataFrame | None, tested: pd.DataFrame) -> tuple[float, float]:
    """minDCF of trials, and their actDCF with the affine map of others (None: with none)."""
    curve = eer.RankedTrials(*by_class(tested)).curve()
    affine = None if fitted is None else llr.fit_affine(*by_class(fitted), llr.effective_prior(COSTS))
    threshold = COSTS.threshold if affine is None else affine.threshold(COSTS.threshold)
    return float(COSTS.along(curve).min()), dcf.cost_at(curve, COSTS, threshold)


def halves(rows: pd.DataFrame, count: int, seed: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Both halves of the speakers, each way round, of so many draws."""
    speakers = rows["speaker"].unique()
    for number in range(count):
        drawn = streams.generator(seed, "halves", number).permutation(speakers)[: len(speakers) // 2]
        first = rows["speaker"].isin(drawn)
        yield rows[first], rows[~first]
        yield rows[~first], rows[first]


def measured(predictions: dict[str, pd.DataFrame], count: int, seed: int) -> dict[str, float]:
    """The row of a system."""
    of_dev, found = members.split(predictions["dev"]), []
    for member, rows in members.split(predictions["eval"]).items():
        least, plain = costs(None, rows)
        shared = np.mean([costs(*pair) for pair in halves(rows, count, seed)], axis=0)
        found.append([least, plain, costs(of_dev[member], rows)[1], *shared, costs(rows, rows)[1]])
    names = ("min_dcf", "act_dcf", "fitted to dev", "min_dcf, halves", "fitted to a half", "fitted to eval")
    return dict(zip(names, np.mean(found, axis=0), strict=True))


def run(arguments: argparse.Namespace) -> None:
    """Print the table."""
    seed = params.run(params.read()).seed
    rows = {name: measured(results.read(name, TASK), arguments.halves, seed) for name in arguments.system}
    print(pd.DataFrame(rows).T.to_string(float_format="%.3f"))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", nargs="+", metavar="SYSTEM")
    parser.add_argument("--halves", type=int, default=20, help="draws of halves of eval's speakers")
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
