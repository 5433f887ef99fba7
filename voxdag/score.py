"""Score a published score file against a corpus's protocols, without any audio.

Usage:  python -m voxdag.score SCORES --corpus asvspoof2019_la [--root FOLDER] [--split eval] [--by attack ...]
                               [--intervals FILE.csv] [--breakdown FILE.csv] [--replicates 1000]
Reads:  SCORES in any form of voxdag.tasks.antispoof.score_file, and the corpus's protocols and ASV scores
Prints: the headline metrics as JSON, rates as fractions
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from voxdag.core import artifacts, command
from voxdag.core.errors import Refused
from voxdag.core.modules import available
from voxdag.core.workspace import corpora_folder
from voxdag.corpora.corpus import reader
from voxdag.tasks.antispoof import metrics, score_file


def protocol(name: str, root: str | None, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One split's trials of a corpus and its ASV scores (an empty table if it has none).

    Raises Refused for an unknown corpus or a split without trials; CorpusMissing if the protocols are not there.
    """
    module = reader(name)
    options = module.Options() if root is None else module.Options(root=root)
    found = module.read(corpora_folder(), options)
    trials = found.trials[found.trials["split"] == split]
    if trials.empty:
        splits = ", ".join(sorted(found.trials["split"].unique()))
        raise Refused(f"{name} has no trials in split {split!r}, expected one of {splits}")
    asv = found.tables.get("asv", metrics.NO_ASV)
    return trials, asv[asv["split"] == split]


def score(arguments: argparse.Namespace) -> None:
    """Print the headline, and write the tables that were asked for."""
    trials, asv = protocol(arguments.corpus, arguments.root, arguments.split)
    predictions = score_file.read(arguments.scores, trials)
    scoring = metrics.Scoring(arguments.replicates, arguments.confidence, tuple(arguments.by))
    print(json.dumps(metrics.headline(predictions, asv), indent=2))
    if arguments.intervals:
        artifacts.write_table(arguments.intervals, metrics.intervals(predictions, asv, scoring, arguments.seed))
    if arguments.breakdown:
        table = metrics.breakdown(predictions, asv, scoring.by, scoring, arguments.seed)
        artifacts.write_table(arguments.breakdown, table)


def main() -> None:
    """Read the command line and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="score file (.txt, .tsv; .xz and .gz too)")
    parser.add_argument("--corpus", required=True, choices=available("voxdag.corpora.readers"))
    parser.add_argument("--root", help="folder of the corpus, inside the corpora folder or absolute")
    parser.add_argument("--split", default="eval", help="default: eval")
    parser.add_argument("--by", nargs="+", default=["attack"], help="columns of the breakdown; default: attack")
    parser.add_argument("--breakdown", type=Path, metavar="FILE.csv", help="write the breakdown here")
    parser.add_argument("--intervals", type=Path, metavar="FILE.csv", help="write intervals of the headline here")
    parser.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates; default: 1000")
    parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals; default: 0.95")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap; default: 0")
    arguments = parser.parse_args()
    command.guarded(lambda: score(arguments))


if __name__ == "__main__":
    main()
