"""What a run gave of a task, as far as it is there: tables of metrics, breakdowns, paired differences, the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from voxdag.core import artifacts, params
from voxdag.core.modules import load_module, load_optional
from voxdag.data import layout
from voxdag.reporting.chosen import Chosen
from voxdag.scoring import paired, protocol, verdicts
from voxdag.scoring.tables import OPTIMISED, Scoring
from voxdag.tasks import results
from voxdag.tasks.explained import Measure

SIMULATED = "simulated_"  # begins the names of corpora that the pipeline makes itself
QUALITY = {"measure": str, "fold": str, "*": float}
MATRIX = {**dict.fromkeys(("system", "column", "metric"), str), "*": float}


@dataclass(frozen=True)
class Task:
    """A task of a run, for the report to read.

    trained_on, corpus  the corpora of train and dev, and of eval
    intervals   one row a system or baseline (column system), metric and member, by speaker; those of the means over
                members have neither fold nor seed
    breakdown   system -> one row a group
    pairs       of systems and baselines of the report alone; None where `compare` did not run
    matrix      systems by further recordings; no row where there are none
    shown       metrics that the matrix is shown in, with their words
    quality     entry of `synthetic` -> its measures
    heard       system or baseline -> the entry of `coded` that it hears recordings through; "": as they are
    transfers   column of the matrix that is an entry of `transfers` -> the same
    missing     what was not there, with the command that makes it
    files       that all this was read from
    """

    chosen: Chosen
    trained_on: str
    corpus: str
    scoring: Scoring
    report: ModuleType
    explained: ModuleType | None
    intervals: pd.DataFrame
    breakdown: Mapping[str, pd.DataFrame]
    pairs: pd.DataFrame | None
    matrix: pd.DataFrame
    shown: Mapping[str, str]
    quality: Mapping[str, pd.DataFrame]
    heard: Mapping[str, str] = field(default_factory=dict)
    transfers: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """As params.yaml calls it."""
        return self.chosen.task

    @property
    def title(self) -> str:
        """As a reader calls it."""
        return self.explained.TITLE if self.explained else self.name

    @property
    def apart(self) -> str:
        """Who speaks in recordings, or what a corpus has in their place: no two splits share any."""
        return f"{self.explained.APART}s" if self.explained else "speakers"

    @property
    def simulated(self) -> bool:
        """Whether what it is measured on was made by the pipeline itself."""
        return self.corpus.startswith(SIMULATED)

    @property
    def measured(self) -> list[str]:
        """Systems and baselines with metrics, in the order of params.yaml."""
        there = set(self.intervals["system"])
        return [name for name in self.chosen.names if name in there]

    @property
    def means(self) -> pd.DataFrame:
        """The intervals of means over members."""
        return self.intervals[self.intervals["fold"].isna() & self.intervals["seed"].isna()]

    @property
    def leading(self) -> list[str]:
        """The metrics that stand for a system, by their plain names, as far as any has them; those that were optimised
        in some system behind the others."""
        there = dict.fromkeys(self.means["metric"])
        plain = dict.fromkeys(map(verdicts.measured, there))
        listed = [name for name in self.explained.LEADING if name in plain] if self.explained else list(plain)[:4]
        chosen = {verdicts.measured(name) for name in there if OPTIMISED in name}
        return sorted(listed, key=lambda name: name in chosen)

    def measure(self, metric: str) -> Measure:
        """A metric in words, whatever stands before its name."""
        plain = verdicts.measured(metric)
        known = self.explained.MEASURES if self.explained else {}
        return known.get(plain, Measure(plain, ""))

    def figure(self, name: str) -> str:
        """What a figure shows."""
        known = self.explained.FIGURES if self.explained else {}
        return known.get(name, name.replace("_", " "))

    def higher(self, metric: str) -> bool:
        """Whether the higher value is the better."""
        return verdicts.plain(metric) in self.report.HIGHER or verdicts.measured(metric) in self.report.HIGHER


def marks(metric: str) -> tuple[str, ...]:
    """What the name of a metric says of how it was come by: leaky, transductive, optimised."""
    plain = verdicts.plain(metric)
    said = protocol.NOTES[next(name for name, text in protocol.PREFIXES.items() if f"{text}{plain}" == metric)]
    return (*said.split(), *(["optimised"] if plain.startswith(OPTIMISED) else []))


def read(tree: Mapping[str, Any], chosen: Chosen) -> Task:
    """All that is there of a task; what is not is named. Raises Refused for a table that is damaged."""
    name = chosen.task
    prepare = params.task(tree, name).prepare
    report = load_module("voxdag.tasks.{task}.report", task=name)
    reader = _Reader()
    intervals = {s: reader.table(_metrics(s, "intervals"), report.INTERVALS, _command(chosen, s)) for s in chosen.names}
    breakdown = {
        system: reader.table(_metrics(system, "breakdown"), report.BREAKDOWN, f"breakdown@{system}")
        for system in chosen.systems
    }
    compare = layout.comparison(name)
    pairs = reader.table(compare / "pairs.csv", paired.COLUMNS | verdicts.COLUMNS, f"compare@{name}")
    transfer = load_optional("voxdag.tasks.{task}.transfer", task=name)
    matrix = reader.table(compare / "matrix.csv", MATRIX, f"compare@{name}") if transfer else None
    synthetic = params.of_task(tree, name, "synthetic")
    quality = {entry: reader.table(_metrics(entry, "quality"), QUALITY, f"quality@{entry}") for entry in synthetic}
    return Task(
        chosen=chosen,
        trained_on=str(prepare.get("corpus")),
        corpus=str(prepare.get("eval_corpus") or prepare.get("corpus")),
        scoring=results.scoring(tree, name),
        report=report,
        explained=load_optional("voxdag.tasks.{task}.explained", task=name),
        intervals=_by_speaker(intervals),
        breakdown={system: table for system, table in breakdown.items() if table is not None},
        pairs=_among(pairs, chosen.names),
        matrix=_rows_of(matrix, chosen, tree),
        shown={metric: words for metric, (words, _) in transfer.SHOWN.items()} if transfer else {},
        quality={entry: table for entry, table in quality.items() if table is not None},
        heard={system: _heard(tree, system) for system in chosen.names},
        transfers={
            entry: params.coded_by(tree, str(about["recordings"]))
            for entry, about in (tree["transfers"] or {}).items()
            if about["task"] == name
        },
        missing=tuple(reader.missing),
        files=tuple(reader.files),
    )


def counts(columns: Sequence[str]) -> Iterator[str]:
    """The columns of a table that are counts of recordings."""
    return (name for name in columns if name == "n" or (name.startswith("n_") and name != "n_classes"))


def _heard(tree: Mapping[str, Any], name: str) -> str:
    """As stages/compare.py tells who is compared with whom; baselines hear recordings as they are."""
    system = (tree["systems"] or {}).get(name)
    return params.coded_by(tree, str(system["recordings"])) if system else ""


class _Reader:
    """Reads tables, and remembers which were there and which were not."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.missing: list[str] = []

    def table(self, path: Path, types: artifacts.Columns, stage: str) -> pd.DataFrame | None:
        if not path.is_file():
            self.missing.append(f"{path.as_posix()} (dvc repro {stage})")
            return None
        self.files.append(path)
        return artifacts.read_table(path, types)


def _metrics(name: str, table: str) -> Path:
    return layout.metrics(name) / f"{table}.csv"


def _command(chosen: Chosen, name: str) -> str:
    return f"{'baseline' if name in chosen.baselines else 'evaluate'}@{name}"


def _by_speaker(tables: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame:
    there = [table.assign(system=name) for name, table in tables.items() if table is not None]
    if not there:
        return pd.DataFrame(columns=["system", "metric", "fold", "seed", "value", "sd", "low", "high", "members"])
    rows = pd.concat(there, ignore_index=True)
    return rows[rows["resampled_by"] == results.BY]


def _among(pairs: pd.DataFrame | None, names: Sequence[str]) -> pd.DataFrame | None:
    return None if pairs is None else pairs[pairs["system_a"].isin(names) & pairs["system_b"].isin(names)]


def _rows_of(matrix: pd.DataFrame | None, chosen: Chosen, tree: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of systems of the report, and of systems of others."""
    if matrix is None:
        return pd.DataFrame(columns=["system", "column", "metric", "value", "low", "high"])
    ours = set(params.of_task(tree, chosen.task, "systems"))
    return matrix[matrix["system"].isin(chosen.systems) | ~matrix["system"].isin(ours)]
