"""Score a published score file against a corpus's protocols, without any audio.

Usage:  python -m voxdag.score SCORES [--corpus asvspoof2019_la] [--root FOLDER] [--split eval] [--by attack ...]
                               [--dev SCORES [--dev-corpus CORPUS]]
                               [--intervals FILE.csv] [--breakdown FILE.csv] [--replicates 1000]
Reads:  SCORES in any form of voxdag.tasks.antispoof.score_file, and the corpus's protocols and ASV scores; without
        --corpus what the file says of its trials itself, UTTERANCE ATTACK KEY SCORE, and there is no t-DCF
        with --dev the scores of the same system on the dev split of --dev-corpus (default: --corpus)
        params.yaml     tasks.antispoof.prepare.corpora: the corpora, and their options
Prints: the headline metrics as JSON, rates as fractions; with --dev also, at the threshold of dev's EER, miss_rate,
        false_alarm_rate and their mean hter, and, calibrated on dev, affine_act_dcf and affine_cllr. Of scores of one
        class alone those of the latter that are defined.
"""

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.workspace import corpora_folder
from voxdag.corpora import manifest
from voxdag.corpora.corpus import root_is_set_by
from voxdag.corpora.manifest import Prepare
from voxdag.tasks.antispoof import metrics, score_file, transfer

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
    trials, asv = manifest.trials(name, found, split), found.tables.get("asv", metrics.NO_ASV)
    return trials, asv[asv["split"] == split]


def read(path: Path, corpus: str | None, root: str | None, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of a file and the ASV scores beside them; corpus: None where the file's own keys are taken."""
    trials, asv = protocol(corpus, root, split) if corpus else (score_file.own_trials(path), metrics.NO_ASV)
    return score_file.read(path, trials), asv


def measured(predictions: pd.DataFrame, asv: pd.DataFrame, dev: pd.DataFrame | None) -> dict[str, float | None]:
    """The headline; with dev scores also what they freeze, and of one class alone no more than that."""
    frozen = {} if dev is None else transfer.statistic(dev, predictions).mean()
    whole = dev is None or predictions["label"].nunique() > 1
    headline = metrics.headline(predictions, asv) if whole else {}
    return headline | {name: frozen[name] for name in transfer.METRICS if name in frozen}


def score(arguments: argparse.Namespace) -> None:
    """Print the metrics, and write the tables that were asked for."""
    root = arguments.root
    predictions, asv = read(arguments.scores, arguments.corpus, root, arguments.split)
    dev = None
    if arguments.dev:
        of_dev = arguments.dev_corpus or arguments.corpus
        dev, _ = read(arguments.dev, of_dev, root if of_dev == arguments.corpus else None, "dev")
    scoring = metrics.Scoring(arguments.replicates, arguments.confidence, tuple(arguments.by))
    print(json.dumps(measured(predictions, asv, dev), indent=2))
    if arguments.intervals:
        artifacts.write_table(arguments.intervals, metrics.intervals(predictions, asv, scoring, arguments.seed))
    if arguments.breakdown:
        table = metrics.breakdown(predictions, asv, scoring.by, scoring, arguments.seed)
        artifacts.write_table(arguments.breakdown, table)


def main() -> None:
    """Read the command line and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="score file (.txt, .tsv; .xz and .gz too)")
    parser.add_argument(
        "--corpus",
        help=f"one that params.yaml has options for in {WHERE}.corpora; default: the keys in the file",
    )
    parser.add_argument(
        "--root", help="its folder, inside the corpora folder or absolute; default: as params.yaml says"
    )
    parser.add_argument("--split", default="eval", help="default: eval")
    parser.add_argument("--dev", type=Path, metavar="SCORES", help="the system's dev scores, to freeze a threshold on")
    parser.add_argument("--dev-corpus", metavar="CORPUS", help="the corpus of these; default: --corpus")
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
