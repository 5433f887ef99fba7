"""Read a task's corpus in its official layout and write one row per utterance.

Usage:  python -m stages.prepare <task>
Reads:  the corpus that tasks.<task>.prepare names (a simulated one is made first, where it is not on disk yet)
        params.yaml                                   tasks.<task>.prepare
Writes: data/manifest/<task>/<split>/utterances.csv   id, path, split, speaker, label, bytes, groups
        data/manifest/<task>/<split>/<table>.csv      the corpus's other tables (ASV scores)
        data/manifest/<task>/report.json              what was read and left out, what differs from the official
        data/manifest/<task>/split.json               who is in which split of each fold; speakers are disjoint
"""

from __future__ import annotations

import logging

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.corpora import files, manifest
from voxdag.corpora.corpus import Corpus
from voxdag.corpora.manifest import Prepare
from voxdag.data import layout
from voxdag.data.folds import Strata
from voxdag.data.layout import UTTERANCES

log = logging.getLogger(__name__)


def prepare(
    corpora: dict[str, Corpus], settings: Prepare, strata: Strata | None = None
) -> dict[str, dict[str, pd.DataFrame]]:
    """The tables of each split, by name, from the split's corpus; recordings that are absent are left out.

    strata: of each utterance, in a random split (see `voxdag.data.folds.random`).

    Raises Refused where a split has no utterance, or too many recordings are absent.
    """
    listed = manifest.split(corpora, settings, strata)
    for corpus in settings.names():
        own = [trials for split, trials in listed.items() if settings.source(split) == corpus]
        manifest.check_absent(pd.concat(own), settings.max_absent)
    on_disk = {split: trials[files.absent(trials).isna()] for split, trials in listed.items()}
    for split, trials in on_disk.items():
        if trials.empty:
            raise Refused(f"the {split} split of {settings.source(split)} has no recording on disk")
    return {
        split: {UTTERANCES: trials}
        | {name: of_split(table, split) for name, table in corpora[settings.source(split)].tables.items()}
        for split, trials in on_disk.items()
    }


def of_split(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split; all of a table that is not about splits."""
    return table[table["split"] == split] if "split" in table else table


def main(name: str) -> None:
    tree = params.read()
    where = f"tasks.{name}.prepare"
    settings = params.bind(Prepare, params.task(tree, name).prepare, where)
    corpora = manifest.read(settings, where)
    data = load_module("voxdag.tasks.{task}.data", task=name)
    splits = prepare(corpora, settings, getattr(data, "strata", None))
    listed = data.select({split: tables[UTTERANCES] for split, tables in splits.items()})
    account = manifest.describe(listed, settings)
    for split, tables in splits.items():
        tables[UTTERANCES] = listed[split]
        log.info("%s %s: %d utterances", name, split, len(tables[UTTERANCES]))
        folder = layout.manifest(name, split)
        for left in folder.glob("*.csv"):  # the tables of another corpus
            left.unlink()
        for table, rows in tables.items():
            artifacts.write_table(folder / f"{table}.csv", rows)
    artifacts.write_json(layout.manifest(name, "split.json"), account)
    artifacts.write_json(
        layout.manifest(name, "report.json"), {corpus: read.report for corpus, read in corpora.items()}
    )


if __name__ == "__main__":
    command.main(main)
