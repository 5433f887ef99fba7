"""The manifest: which utterances a task uses, from which corpus, in which split."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import bounds, params
from voxdag.core.errors import Refused
from voxdag.core.workspace import corpora_folder
from voxdag.corpora import files
from voxdag.corpora.corpus import Corpus, reader, root_is_set_by
from voxdag.data import folds

LISTED = 5  # departures that an error names

log = logging.getLogger(__name__)


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
        bounds.share(self, "max_absent")
        bounds.one_of(self, folds.PROTOCOLS, "protocol")

    def names(self) -> list[str]:
        """The corpora that are read, the one of train first."""
        return list(dict.fromkeys([self.corpus, self.eval_corpus or self.corpus]))

    def source(self, split: str) -> str:
        """The corpus that a split is taken from."""
        return self.eval_corpus if split == "eval" and self.eval_corpus else self.corpus

    def open(self, name: str, where: str) -> tuple[ModuleType, Any]:
        """A corpus's module and its options. Raises Refused where params.yaml has none for it."""
        if name not in self.corpora:
            raise Refused(f"{where}.corpora has no options for {name}; it has {', '.join(self.corpora) or 'none'}")
        module = reader(name)
        return module, params.bind(module.Options, self.corpora[name], f"{where}.corpora.{name}")


def read(settings: Prepare, where: str) -> dict[str, Corpus]:
    """The corpora that `settings` names, by name. `where` is the key of `settings` in params.yaml, for messages.

    Raises Refused where one is said to be the published one and is not, unless its options allow departures.
    """
    found = {}
    for name in settings.names():
        module, options = settings.open(name, where)
        key = f"{where}.corpora.{name}"
        corpus = on_disk(module, options, key)
        found[name] = admitted(name, corpus, options, key, departures(corpus))
    return found


def on_disk(module: ModuleType, options: Any, key: str) -> Corpus:
    """What a reader finds. Raises CorpusMissing with the params key of the corpus's root; `key` is its options'."""
    with root_is_set_by(f"Params key {key}."):
        return module.read(corpora_folder(), options)


def trials(name: str, corpus: Corpus, split: str) -> pd.DataFrame:
    """The trials of a split, with what made each spoof.

    Raises Refused for a corpus that is not of spoofed speech with a fixed split, or has none in this one.
    """
    lacking = [column for column in ("split", "attack") if column not in corpus.trials]
    if lacking:
        raise Refused(f"{name} has no column {lacking[0]}: expected a corpus of spoofed speech with a fixed split")
    found = corpus.trials[corpus.trials["split"] == split]
    if found.empty:
        splits = ", ".join(sorted(corpus.trials["split"].unique()))
        raise Refused(f"{name} has no trials in split {split!r}, expected one of {splits}")
    return found


def departures(corpus: Corpus) -> list[str]:
    """How a corpus that is said to be the published one differs from it: counts, and listed recordings without file.

    A pointer of Git LFS is no recording.
    """
    if corpus.departures is None:
        return []
    absent = files.absent(corpus.trials).dropna()
    lacking = [f"{len(absent)} of {len(corpus.trials)} recordings are absent, such as {path}" for path in absent[:1]]
    return [*corpus.departures, *lacking, *pointers(corpus)]


def pointers(corpus: Corpus) -> list[str]:
    """A sentence on the recordings that are pointers of Git LFS; none where there are none."""
    found = files.pointers(corpora_folder(), corpus.trials)
    share = f"{len(found)} of {len(corpus.trials)} recordings are pointers of Git LFS"
    return [f"{share}, such as {path}: `git lfs pull` fetches the audio" for path in found[:1]]


def counted(found: list[str]) -> str:
    """How many departures there are, and the first few."""
    shown = [*found[:LISTED], "..."] if len(found) > LISTED else found
    return f"{len(found)} departure{'s' * (len(found) > 1)} ({'; '.join(shown)})"


def admitted(name: str, corpus: Corpus, options: Any, key: str, found: list[str]) -> Corpus:
    """The corpus; what was found to differ from the published one is logged. Raises Refused for it, unless the options
    allow departures; `key` is theirs."""
    if found and not options.allow_departures:
        raise Refused(
            f"{name} under {corpora_folder() / options.root} is not as published: {counted(found)}. Complete it; or "
            f"take it as it is, with -S {key}.allow_departures=true; or, if it is another corpus in this layout, say "
            f"so with -S {key}.official=false"
        )
    for departure in found:
        log.warning("%s is not as published: %s", name, departure)
    return corpus


def provide(settings: Prepare, where: str) -> Path:
    """Make sure that the corpora's audio is on disk, and give the folder that the manifest's paths start from.

    A simulated corpus is made again where it is gone (another clone).
    """
    for name in settings.names():
        module, options = settings.open(name, where)
        with root_is_set_by(f"Params key {where}.corpora.{name}."):
            module.provide(corpora_folder(), options)
    return corpora_folder()


def split(corpora: dict[str, Corpus], settings: Prepare, strata: folds.Strata | None = None) -> dict[str, pd.DataFrame]:
    """The utterances of each split, from the split's corpus; with the column `folds` where train is cross-validated.

    strata: what the folds of a random split have in equal shares (see `voxdag.data.folds.random`).

    In a cross-corpus evaluation of such a corpus, all the other's utterances are in eval of every fold, or those of its
    own eval split where it has one.
    """
    trials = _assigned(corpora[settings.corpus], settings, strata)
    listed = {name: trials[trials["split"] == name] for name in ("train", "dev", "eval")}
    if settings.source("eval") != settings.corpus:
        other = corpora[settings.source("eval")].trials
        other = other[other["split"] == "eval"] if "split" in other else other.assign(split="eval")
        shared = {folds.COLUMN: " ".join(folds.names(trials))} if folds.COLUMN in trials else {}
        listed["eval"] = other.assign(**shared)
    return listed


def _assigned(corpus: Corpus, settings: Prepare, strata: folds.Strata | None) -> pd.DataFrame:
    if not corpus.folds:
        if settings.protocol != folds.PROTOCOLS[0] or settings.fold != "all":
            raise Refused(
                f"{settings.corpus} has a fixed split: fold {settings.fold!r} and protocol {settings.protocol!r} are "
                "for corpora that are cross-validated; leave them at all and speaker_independent"
            )
        return corpus.trials
    if settings.protocol == folds.PROTOCOLS[0]:
        return folds.assign(corpus.trials, folds.chosen(corpus.folds, settings.fold))
    drawn = folds.random(corpus.trials, len(corpus.folds), strata)
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
    absent = files.absent(trials).dropna()
    share = len(absent) / max(len(trials), 1)
    if share > max_absent:
        examples = ", ".join(absent.head(3))
        raise Refused(
            f"{len(absent)} of {len(trials)} recordings that the protocols list are absent ({share:.1%}, max_absent is "
            f"{max_absent:.1%}) under {corpora_folder()}: {examples}, ..."
        )
