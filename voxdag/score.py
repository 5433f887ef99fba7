"""Score a published score file against a corpus's protocols, without any audio.

Usage:  python -m voxdag.score SCORES --corpus asvspoof2019_la [--root FOLDER] [--split eval] [--by attack ...]
                               [--intervals FILE.csv] [--breakdown FILE.csv] [--replicates 1000]
Reads:  SCORES in any form of voxdag.tasks.antispoof.score_file, and the corpus's protocols and ASV scores
        params.yaml     tasks.antispoof.prepare.corpora: the corpora, and their options
Prints: the headline metrics as JSON, rates as fractions
"""

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.errors import Refused
from voxdag.core.workspace import corpora_folder
from voxdag.corpora.corpus import root_is_set_by
from voxdag.corpora.manifest import Prepare
from voxdag.tasks.antispoof import metrics, score_file

TASK = "antispoof"
WHERE = f"tasks.{TASK}.prepare"  # of params.yaml

log = logging.getLogger(__name__)


def protocol(name: str, root: str | None, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One split's trials of a corpus and its ASV scores (an empty table if it has none).

    Where its counts are not the published ones, that is logged; absent audio is no matter here.

    Raises Refused for a corpus that params.yaml has no options for in this task, or a split without trials;
    CorpusMissing if the protocols are not there.
    """
    settings = params.bind(Prepare, params.task(params.read(), TASK).prepare, WHERE)
    module, options = settings.open(name, WHERE)
    with root_is_set_by("Argument --"):
        found = module.read(corpora_folder(), options if root is None else replace(options, root=root))
    for departure in found.departures or ():
        log.warning("%s is not as published: %s", name, departure)
    lacking = [column for column in ("split", "attack") if column not in found.trials]
    if lacking:
        raise Refused(f"{name} has no column {lacking[0]}: expected a corpus of spoofed speech with a fixed split")
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
    parser.add_argument("--corpus", required=True, help=f"one that params.yaml has options for in {WHERE}.corpora")
    parser.add_argument(
        "--root", help="its folder, inside the corpora folder or absolute; default: as params.yaml says"
    )
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
