"""Where stages put what they write: each path is spelled once, and starts at the repository's root."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from voxdag.core import artifacts

SPLITS = ("train", "dev", "eval")
FITTED = "fitted"
UTTERANCES = "utterances"  # the manifest's own table; any other beside it is the corpus's (ASV scores)
MANIFEST = {"bytes": int}  # the manifest's columns that are the same for all tasks, as far as they are no text
TABLES = {"score": float}  # those of the corpus's other tables


def manifest(task: str, split: str) -> Path:
    """Folder of a split's tables."""
    return Path("data/manifest") / task / split


def utterances(task: str, split: str, columns: artifacts.Columns = MANIFEST) -> pd.DataFrame:
    """One row per utterance of a split.

    columns: the types of the task's columns (COLUMNS of its data module). Without them they are text, which is enough
    for who asks for ids, speakers or folds.
    """
    return artifacts.read_table(manifest(task, split) / f"{UTTERANCES}.csv", {**columns, **MANIFEST})


def tables(task: str, split: str) -> dict[str, pd.DataFrame]:
    """The corpus's other tables of a split, by name."""
    paths = sorted(manifest(task, split).glob("*.csv"))
    return {path.stem: artifacts.read_table(path, TABLES) for path in paths if path.stem != UTTERANCES}


def features(task: str) -> str:
    """The folder of a task's packed recordings, as `recordings` names it."""
    return f"features/{task}"


def fitted(folder: str, fold: str) -> Path:
    """Folder of what was fitted to the train split of a fold, of a folder that a stage between made."""
    return recordings(folder, FITTED) / (f"fold-{fold}" if fold else "")


def recordings(folder: str, split: str) -> Path:
    """Folder of a split of packed recordings: `folder` is features/<task>, or what a stage between made of it."""
    return Path("data") / folder / split


def quarantine(task: str) -> Path:
    """Table of the recordings that could not be used, with their reasons."""
    return Path("data/features") / task / "quarantine.csv"


def checkpoints(system: str, member: str = "") -> Path:
    """Folder of what training kept of a system; of the weights of one of its members."""
    return Path("data/checkpoints") / system / member


def predictions(system: str) -> Path:
    """Folder of per-utterance outputs."""
    return Path("data/predictions") / system


def decisions(system: str) -> Path:
    """Table of what decisions need of dev, of each member."""
    return predictions(system) / "decisions.csv"


def metrics(system: str) -> Path:
    """Folder of a system's metrics."""
    return Path("metrics") / system


def transfers(task: str, entry: str = "") -> Path:
    """Folder of what the systems of a task say of further recordings; of those of an entry."""
    return Path("data/transfers") / task / entry


def external(task: str, entry: str = "") -> Path:
    """Folder of what systems of others scored, by the entries of a task; of an entry."""
    return Path("data/external") / task / entry


def comparison(task: str) -> Path:
    """Folder of what lays the systems of a task beside one another."""
    return Path("compare") / task


def plots(system: str) -> Path:
    """Folder of a system's plot data and pictures."""
    return Path("plots") / system
