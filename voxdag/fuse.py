"""Fuse countermeasures: a weighted sum of their scores, fitted to dev, tested on eval beside each of them.

Usage:  python -m voxdag.fuse OUT SYSTEM SYSTEM ...
Reads:  data/predictions/<system>/dev.csv, eval.csv   of systems and baselines of anti-spoofing
        params.yaml                                   tasks.antispoof.scoring, seed
Writes: OUT/weights.csv                               of each system's score, and the offset
        OUT/eval.scores.txt                           log-likelihood ratios, for python -m voxdag.score
        OUT/intervals.csv                             metrics of the fusion on eval, with intervals by speaker
        OUT/pairs.csv                                 what it differs in from each system, paired
Prints: weights, and the differences

A system with several members takes part with the mean of their scores, in the differences too: so these say what other
systems add, and not what an average over seeds does (`compare/antispoof/pairs.csv` has means over members).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from voxdag.core import artifacts, command, params
from voxdag.scoring import paired
from voxdag.tasks import asked, results
from voxdag.tasks.antispoof import fusion, report, score_file

TASK = "antispoof"
SHOWN = ("eer", "min_dcf", "act_dcf", "cllr")


def run(arguments: argparse.Namespace) -> None:
    """Fuse, measure, write, print."""
    tree = params.read()
    names = asked.systems(tree, TASK, arguments.system)
    averaged = {name: fusion.averaged(results.read(name, TASK)) for name in names}
    fused, weights = fusion.fused(averaged)
    scoring, seed, tables = results.scoring(tree, TASK), params.run(tree).seed, results.tables(TASK)
    intervals = report.intervals(fused, tables, scoring, seed)
    pairs = paired.pairs({fusion.FUSION: fused} | averaged, tables, report.statistic, scoring, seed)
    pairs = pairs[pairs["system_a"] == fusion.FUSION]
    artifacts.write_table(arguments.out / "weights.csv", weights.rename_axis("system").reset_index())
    score_file.write(arguments.out / "eval.scores.txt", fused["eval"])
    artifacts.write_table(arguments.out / "intervals.csv", intervals)
    artifacts.write_table(arguments.out / "pairs.csv", pairs)
    print(weights.to_string(float_format="%.4f"), end="\n\n")
    rows = intervals[(intervals["resampled_by"] == results.BY) & intervals["metric"].isin(SHOWN)]
    print(rows[["metric", "value", "low", "high"]].to_string(index=False, float_format="%.4f"), end="\n\n")
    rows = pairs[pairs["metric"].isin(SHOWN)]
    print(
        rows[["system_a", "system_b", "metric", "difference", "low", "high"]].to_string(
            index=False, float_format="%.4f"
        )
    )


def main() -> None:
    """Read the command line and fuse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for what is written")
    parser.add_argument("system", nargs="+", metavar="SYSTEM", help="systems and baselines of params.yaml")
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
