"""Lay the systems and baselines of a task beside one another: every figure with all of them, and paired differences.

Usage:  python -m stages.compare <task>
Reads:  data/predictions/<system>/dev.csv, eval.csv      of every system and baseline of the task
        metrics/<system>/intervals.csv                   the same
        plots/<system>/<figure>.csv                      of every system
        data/transfers/<task>/<entry>/cells.csv          of further recordings (stages.transfer)
        data/external/<task>/<entry>/cells.csv           of systems of others (stages.external)
        data/manifest/<task>/dev, eval                   the task's other tables (ASV scores)
        params.yaml                                      seed, tasks.<task>.scoring, systems, baselines,
                                                         tasks.<task>.prepare: the corpus's name
Writes: compare/<task>/figures/<figure>.csv              that of each system below one another, with a column system;
                                                         of baselines too where the task says so
        compare/<task>/figures/<figure>.png, .pdf        what the task draws of all systems
        compare/<task>/pairs.csv                         the difference of every two in every metric, with intervals
                                                         and, by the margins of params.yaml, verdicts
        compare/<task>/matrix.csv                        systems by what they were tested on, at frozen thresholds;
                                                         no row without `transfers` or `external`;
                                                         figures/matrix.png, .pdf: some of it

compare/<task>/dvc.yaml draws the figures for `dvc plots`. Like evaluate, this stage opens the eval split.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import pandas as pd

from voxdag.core import artifacts, command, params
from voxdag.core.modules import load_module, load_optional
from voxdag.data import layout
from voxdag.figures import matrix
from voxdag.figures.plot import NUMBERS
from voxdag.scoring import paired, verdicts
from voxdag.tasks import results, transferred


def figure_tables(systems: list[str], types: Mapping[str, type]) -> dict[str, pd.DataFrame]:
    """Every figure that a system has, by name: the tables of all systems below one another, with a column system."""
    paths = {name: sorted(layout.plots(name).glob("*.csv")) for name in systems}
    rows: dict[str, list[pd.DataFrame]] = {}
    for name, listed in paths.items():
        for path in listed:
            table = artifacts.read_table(path, types)
            rows.setdefault(path.stem, []).append(table.assign(system=name))
    return {figure: pd.concat(tables, ignore_index=True) for figure, tables in sorted(rows.items())}


def of_baselines(
    baselines: list[str], task: str, report: ModuleType, figures: ModuleType, tree: Mapping
) -> dict[str, pd.DataFrame]:
    """The figures that a task draws of its baselines too (`OF_BASELINES`), by name: the tables of all of them."""
    scoring, seed, held = results.scoring(tree, task), params.run(tree).seed, results.tables(task)
    rows: dict[str, list[pd.DataFrame]] = {}
    for name in baselines if getattr(figures, "OF_BASELINES", ()) else ():
        predictions = results.read(name, task)
        breakdown = report.breakdown(predictions, held, scoring, seed)
        plots = figures.figures(predictions["dev"], predictions["eval"], breakdown, pd.DataFrame())
        for figure in plots.keys() & set(figures.OF_BASELINES):
            rows.setdefault(figure, []).append(plots[figure].table.assign(system=name))
    return {figure: pd.concat(tables, ignore_index=True) for figure, tables in rows.items()}


def pairs(names: list[str], task: str, report: ModuleType, tree: Mapping) -> pd.DataFrame:
    """The paired differences with their verdicts; no row where there is one system alone. Systems that hear coded
    speech are compared with those alone that hear the same.

    Raises Refused for a margin of a metric that the task does not have.
    """
    scoring, seed, held = results.scoring(tree, task), params.run(tree).seed, results.tables(task)
    common = getattr(report, "common", None)
    tables = []
    for heard in by_codecs(names, tree).values() or [[]]:
        predictions = {name: results.read(name, task) for name in heard}
        if predictions:  # every system of the task has the same metrics
            verdicts.check(scoring.margins, report.member_values(predictions[heard[0]], held)["metric"], task)
        tables.append(paired.pairs(predictions, held, report.statistic, scoring, seed, common))
    return verdicts.judge(pd.concat(tables, ignore_index=True), scoring.margins, report.HIGHER)


def by_codecs(names: list[str], tree: Mapping) -> dict[str, list[str]]:
    """The systems and baselines by the entry of `coded` that they hear recordings through; "": as they are."""
    groups: dict[str, list[str]] = {}
    for name in names:
        system = (tree["systems"] or {}).get(name)
        groups.setdefault(params.coded_by(tree, system["recordings"]) if system else "", []).append(name)
    return groups


def main(task: str) -> None:
    tree = params.read()
    systems, baselines = (params.of_task(tree, task, group) for group in ("systems", "baselines"))
    names = [*systems, *baselines]
    report = load_module("voxdag.tasks.{task}.report", task=task)
    figures = load_module("voxdag.tasks.{task}.figures", task=task)
    folder = layout.comparison(task) / "figures"
    folder.mkdir(parents=True, exist_ok=True)  # of a task without systems too
    of_systems = figure_tables(systems, {})  # as text: as they were written
    further = of_baselines(baselines, task, report, figures, tree)
    drawn = figure_tables(systems, NUMBERS)
    drawn |= {figure: pd.concat([drawn.get(figure), table], ignore_index=True) for figure, table in further.items()}
    plots = figures.comparison(drawn, results.mean_intervals(names, task)) if names else {}
    tables = {figure: plot.table for figure, plot in plots.items()}
    for figure, table in (tables | of_systems | {figure: tables[figure] for figure in further}).items():
        artifacts.write_table(folder / f"{figure}.csv", table)
    for figure, plot in plots.items():
        what = f"{task}, eval of {results.corpus(tree, task)}"
        plot.save(folder / figure, plot.words(what, results.scoring(tree, task).confidence))
    artifacts.write_table(layout.comparison(task) / "pairs.csv", pairs(names, task, report, tree))
    transfer = load_optional("voxdag.tasks.{task}.transfer", task=task)
    cells = transferred.cells(tree, task, transfer)
    artifacts.write_table(layout.comparison(task) / "matrix.csv", cells)
    if len(cells):
        words = f"{task}; thresholds and calibration of each system's own dev"
        matrix.draw(cells, transfer.SHOWN).save(folder / "matrix", words)  # type: ignore[union-attr]


if __name__ == "__main__":
    command.main(main)
