"""The manifest: which utterances a task uses, from which corpus, in which split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.workspace import corpora_folder
from voxdag.corpora.corpus import Corpus, reader
from voxdag.data import folds


@dataclass(frozen=True)
class Prepare:
    """Where a task's utterances come from.

    corpus       the corpus of train and dev, and of eval too where `eval_corpus` is null
    eval_corpus  another corpus whose eval split is used instead: cross-corpus evaluation
    max_absent   the share (0..1) of listed recordings that may be absent from the disk
    corpora      corpus name -> its options
    fold         of a corpus that is cross-validated: the name of one fold, or "all"
    protocol     of such a corpus: speaker_independent, or leaky_random, which mixes speakers to show what that is worth
    """

    corpus: str
    eval_corpus: str | None
    max_absent: float
    corpora: dict[str, Any]
    fold: str | int = "all"
    protocol: str = "speaker_independent"

    def __post_init__(self) -> None:
        if self.protocol not in folds.PROTOCOLS:
            raise Refused(f"protocol is {self.protocol!r}, expected one of {', '.join(folds.PROTOCOLS)}")

    def names(self) -> list[str]:
        """The corpora that are read, the one of train first."""
        return list(dict.fromkeys([self.corpus, self.eval_corpus or self.corpus]))

    def source(self, split: str) -> str:
        """The corpus that a split is taken from."""
        return self.eval_corpus if split == "eval" and self.eval_corpus else self.corpus

    def open(self, name: str, where: str) -> tuple[ModuleType, Any]:
        """A corpus's module and its options. Raises Refused where params.yaml has none for it."""
        module = reader(name)
        if name not in self.corpora:
            raise Refused(f"{where}.corpora has no options for {name}; it has {', '.join(self.corpora) or 'none'}")
        return module, params.bind(module.Options, self.corpora[name], f"{where}.corpora.{name}")


def read(settings: Prepare, where: str) -> dict[str, Corpus]:
    """The corpora that `settings` names, by name. `where` is the key of `settings` in params.yaml, for messages."""
    opened = {name: settings.open(name, where) for name in settings.names()}
    return {name: module.read(corpora_folder(), options) for name, (module, options) in opened.items()}


def provide(settings: Prepare, where: str) -> Path:
    """Make sure that the corpora's audio is on disk, and give the folder that the manifest's paths start from.

    A simulated corpus is made again where it is gone (another clone, an experiment's own folder).
    """
    for name in settings.names():
        module, options = settings.open(name, where)
        module.provide(corpora_folder(), options)
    return corpora_folder()


def split(corpora: dict[str, Corpus], settings: Prepare) -> dict[str, pd.DataFrame]:
    """The utterances of each split, from the split's corpus; with the column `folds` where train is cross-validated.

    In a cross-corpus evaluation of such a corpus, all the other's utterances are in eval of every fold, or those of its
    own eval split where it has one.
    """
    trials = _assigned(corpora[settings.corpus], settings)
    listed = {name: trials[trials["split"] == name] for name in ("train", "dev", "eval")}
    if settings.source("eval") != settings.corpus:
        other = corpora[settings.source("eval")].trials
        other = other[other["split"] == "eval"] if "split" in other else other.assign(split="eval")
        shared = {folds.COLUMN: " ".join(folds.names(trials))} if folds.COLUMN in trials else {}
        listed["eval"] = other.assign(**shared)
    return listed


def _assigned(corpus: Corpus, settings: Prepare) -> pd.DataFrame:
    if not corpus.folds:
        if settings.protocol != folds.PROTOCOLS[0] or settings.fold != "all":
            raise Refused(
                f"{settings.corpus} has a fixed split: fold {settings.fold!r} and protocol {settings.protocol!r} are "
                "for corpora that are cross-validated; leave them at all and speaker_independent"
            )
        return corpus.trials
    if settings.protocol == folds.PROTOCOLS[0]:
        return folds.assign(corpus.trials, folds.chosen(corpus.folds, settings.fold))
    drawn = folds.random(corpus.trials, len(corpus.folds))
    name = settings.fold if settings.fold == "all" else f"{folds.LEAKY}{settings.fold}"
    return folds.assign(corpus.trials, folds.chosen(drawn, name), unit="id")


def describe(listed: dict[str, pd.DataFrame], settings: Prepare) -> dict[str, dict]:
    """Fold by fold who is in which split. Raises Refused where a speaker is in two splits of a fold."""
    named = {
        name: rows.assign(speaker=settings.source(name) + "/" + rows["speaker"]) if settings.eval_corpus else rows
        for name, rows in listed.items()
    }
    return folds.describe(pd.concat(named.values()), "speaker")


def check_absent(trials: pd.DataFrame, max_absent: float) -> None:
    """Raises Refused where more than `max_absent` of the listed recordings are not on disk."""
    absent = trials[trials["bytes"].isna()]
    share = len(absent) / max(len(trials), 1)
    if share > max_absent:
        examples = ", ".join(absent["path"].head(3))
        raise Refused(
            f"{len(absent)} of {len(trials)} recordings that the protocols list are absent ({share:.1%}, max_absent is "
            f"{max_absent:.1%}) under {corpora_folder()}: {examples}, ..."
        )
