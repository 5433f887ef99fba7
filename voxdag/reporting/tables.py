"""The tables of a report on a task, from what stages wrote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from voxdag.data.members import Member
from voxdag.reporting import cells, heard
from voxdag.reporting.cells import EMPTY, Difference, Row, Table, Value
from voxdag.reporting.measured import Task, counts, marks
from voxdag.scoring import verdicts
from voxdag.tasks import results
from voxdag.tasks.explained import MINUS, NONE, PERCENT

COUNTED = {"n": "recordings", "n_bonafide": "bona fide"}  # columns of counts in words
COLUMNS = {"snr": "SNR (dB)"}  # of a breakdown, where a reader calls it otherwise
QUALITY = {  # of the stage `quality`: measure -> what it says
    "auc": "can a network tell them from train? 0.5: no",
    "frechet": "Fréchet distance to dev, of a network's features",
    "kernel": "kernel distance to dev, of the same",
    "frechet_pca": "Fréchet distance, of principal components",
    "kernel_pca": "kernel distance, of the same",
    "precision": "share that lies among real ones",
    "recall": "share of real ones that lie among them",
    "density": "how densely they lie among real ones",
    "coverage": "share of real ones with one of them near",
    "fidelity": "is the condition that was asked for heard in them?",
    "transfer": "what a network that learned from them alone knows of dev",
    "copied": "share that lies nearer to train than dev does",
    "mean_db": "error of the bands' means, dB",
    "deviation_db": "error of the bands' deviations, dB",
    "flux_db": "error of the change between frames, dB",
}


def headline(task: Task) -> Table:
    """Systems and baselines by the leading metrics, means over members."""
    metrics, means = task.leading, task.means
    rows = [
        _row(task, name, [*(_found(task, means, name, metric) for metric in metrics), _members(means, name)])
        for name in task.measured
    ]
    head = ["System", *(cells.head(task.measure(metric)) for metric in metrics), "Trainings"]
    return Table(f"{task.title}: eval of {task.corpus}", head, rows, _of_means(task))


def every_metric(task: Task) -> Table:
    """All metrics by systems and baselines."""
    means, names = task.means, task.measured
    metrics = dict.fromkeys(verdicts.measured(metric) for metric in means["metric"])
    rows = [
        Row(cells.head(task.measure(metric)), [_found(task, means, name, metric) for name in names])
        for metric in metrics
        if means.loc[means["metric"].map(verdicts.measured) == metric, "value"].notna().any()
    ]
    return Table(f"All metrics on eval of {task.corpus}", ["Metric", *names], rows, _of_means(task))


def members(task: Task) -> Table | None:
    """The leading metrics of each training of systems that have several; None where none has."""
    rows = []
    alone = task.intervals[~task.intervals.index.isin(task.means.index)]
    for name in task.measured:
        of_system = alone[alone["system"] == name]
        for (fold, seed), some in of_system.groupby(["fold", "seed"], dropna=False, sort=False):
            title = Member("" if pd.isna(fold) else str(fold), None if pd.isna(seed) else int(seed)).title
            rows.append(Row(f"{name}, {title}", [_found(task, some, name, metric) for metric in task.leading]))
    head = ["Training", *(cells.head(task.measure(metric)) for metric in task.leading)]
    return Table("Each training alone", head, rows, _joined(heard.note(task), _drawn(task, alone))) if rows else None


def judged(task: Task) -> Table | None:
    """Paired differences in the metrics that have a margin (or, where none has, that lead), a row each pair with a
    system in it; None where there is none."""
    if task.pairs is None:
        return None
    systems = set(task.chosen.systems)
    pairs = task.pairs[task.pairs["system_a"].isin(systems) | task.pairs["system_b"].isin(systems)]
    chosen = pairs[pairs["margin"].notna()]
    if chosen.empty:
        chosen = pairs[[verdicts.measured(metric) in task.leading for metric in pairs["metric"]]]
    if chosen.empty:
        return None
    metrics = dict.fromkeys(verdicts.measured(metric) for metric in chosen["metric"])
    rows = []
    for (a, b), some in chosen.groupby(["system_a", "system_b"], sort=False):
        by_metric = {verdicts.measured(row["metric"]): row for row in some.to_dict("records")}
        rows.append(Row(f"{a} {MINUS} {b}", [_difference(task, by_metric.get(metric)) for metric in metrics]))
    head = ["First − second", *_heads_with_margins(task, metrics)]
    return Table("Paired differences and verdicts", head, rows, heard.drawn_of_pairs(task, chosen))


def unpaired(task: Task) -> list[str]:
    """The systems that stand in no pair although others do."""
    if task.pairs is None or task.pairs.empty:
        return []
    paired = {*task.pairs["system_a"], *task.pairs["system_b"]}
    return [name for name in task.chosen.systems if name in task.measured and name not in paired]


def every_pair(task: Task) -> Table | None:
    """All paired differences, a row each pair and metric."""
    if task.pairs is None or task.pairs.empty:
        return None
    head = ["First − second", "Metric", "Difference and verdict", "p", "Drawn", "Recordings", task.apart.capitalize()]
    rows = []
    for row in task.pairs.to_dict("records"):
        words = cells.head(task.measure(row["metric"]))
        p = f"{row['p']:.3f}" if math.isfinite(row["p"]) else NONE
        about = [NONE if pd.isna(row[name]) else str(row[name]) for name in ("resampled", "utterances", "speakers")]
        about[0] = heard.in_pairs(task, about[0])
        rows.append(Row(f"{row['system_a']} {MINUS} {row['system_b']}", [words, _difference(task, row), p, *about]))
    return Table("All paired differences", head, rows)


def groups(task: Task) -> Iterator[Table]:
    """One table a column of the breakdown: groups by systems, in the first metric that they have, with counts."""
    every = [table.assign(system=system) for system, table in task.breakdown.items()]
    if not every:
        return
    table = pd.concat(every, ignore_index=True)
    for column in dict.fromkeys(table["column"]):
        rows = table[table["column"] == column]
        metric = _metric_of_groups(task, rows)
        if metric:
            yield _groups(task, column, rows, metric)


def matrix(task: Task) -> Iterator[Table]:
    """One table a metric of the matrix: systems by further recordings."""
    there = task.matrix
    for metric, words in task.shown.items():
        rows = there[there["metric"] == metric]
        columns, systems = (list(dict.fromkeys(rows[name])) for name in ("column", "system"))
        found = {(row["system"], row["column"]): row for row in rows.to_dict("records")}
        if found:
            lines = [Row(s, [_cell(task, found.get((s, c))) for c in columns]) for s in systems]
            unit = task.measure(metric).unit
            named = f"{words} (%)" if unit == PERCENT else words
            yield Table(named, ["System", *columns], lines)


def matrix_words(task: Task) -> str:
    """What the columns of these tables are, and what their intervals draw."""
    return _joined(
        heard.columns_of_matrix(task, list(dict.fromkeys(task.matrix["column"]))), heard.drawn(task, [results.BY])
    )


def quality(entry: str, table: pd.DataFrame) -> Table:
    """The measures of recordings that were made up, beside those of real ones and of real ones that were inverted."""
    columns = ("real", "inverted", "synthetic", "best")
    rows = []
    for row in table.to_dict("records"):
        name = str(row["measure"]) + ("" if pd.isna(row.get("fold")) else f", fold {row['fold']}")
        measure = cells.Measure(name, "", "", 2)
        values = [Value(measure, float(row[column])) if column in row else EMPTY for column in columns]
        rows.append(Row(name, [QUALITY.get(str(row["measure"]), EMPTY), *values]))
    return Table(f"Recordings made up by {entry}, measured on dev", ["Measure", "What it says", *columns], rows)


def published(task: Task) -> Table | None:
    """What others reported on the corpus, beside this run; None where nothing is known of it."""
    lines = [line for line in getattr(task.explained, "PUBLISHED", ()) if line.corpus == task.corpus]
    if task.explained is None or not lines:
        return None
    order = dict.fromkeys(metric for line in lines for metric in line.values)
    metrics = [metric for metric in task.explained.MEASURES if metric in order]
    rows = [
        _row(task, name, [*(_found(task, task.means, name, metric) for metric in metrics), "this run", EMPTY])
        for name in task.measured
    ]
    for line in lines:
        values = [Value(task.measure(m), line.values[m]) if m in line.values else EMPTY for m in metrics]
        rows.append(Row(line.system, [*values, line.source, line.differs]))
    head = ["System", *(cells.head(task.measure(metric)) for metric in metrics), "Source", "How it differs"]
    return Table(f"Published on {task.corpus}, beside this run", head, rows)


def _row(task: Task, name: str, found: list) -> Row:
    return Row(name, found, baseline=name in task.chosen.baselines, note=heard.tag(task, name))


def _of_means(task: Task) -> str:
    return _joined(heard.note(task), _drawn(task, task.means))


def _drawn(task: Task, rows: pd.DataFrame) -> str:
    """What the intervals of some rows draw, where any of them has one."""
    return heard.drawn(task, dict.fromkeys(rows.loc[rows["low"].notna(), heard.COLUMN])) if len(rows) else ""


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _found(task: Task, rows: pd.DataFrame, name: str, metric: str) -> Value | str:
    """The cell of a system in a metric, whatever stands before its name."""
    of_system = rows[(rows["system"] == name) & (rows["metric"].map(verdicts.measured) == metric)]
    return cells.value(task, of_system.iloc[0]) if len(of_system) else EMPTY


def _members(means: pd.DataFrame, name: str) -> str:
    count = means.loc[means["system"] == name, "members"].max()
    return NONE if pd.isna(count) else str(int(count))


def _cell(task: Task, row: dict | None) -> Value | str:
    return EMPTY if row is None else cells.value(task, row)


def _difference(task: Task, row: dict | None) -> Difference | str:
    if row is None:
        return EMPTY
    difference, low, high = (float(row[name]) for name in ("difference", "low", "high"))
    shown = Value(task.measure(row["metric"]), difference, low, high, marks(row["metric"]), signed=True)
    return Difference(shown, float(row["margin"]), "" if pd.isna(row["verdict"]) else str(row["verdict"]))


def _heads_with_margins(task: Task, metrics: Iterable[str]) -> Iterator[str]:
    for metric in metrics:
        measure, margin = task.measure(metric), task.scoring.margins.get(metric)
        stated = f", margin {measure.text(margin)}" if margin is not None else ""
        yield f"{cells.head(measure)}{stated}"


def _metric_of_groups(task: Task, rows: pd.DataFrame) -> str | None:
    """The first metric that groups of a column have, by its plain name: of those that lead, else of all."""
    of_groups = [name for name in rows if f"{name}_low" in rows and rows[name].notna().any()]
    plain = {verdicts.measured(name): name for name in reversed(of_groups)}
    for name in (*task.leading, "recall", *plain):
        if name in plain:
            return name
    return None


def _groups(task: Task, column: str, rows: pd.DataFrame, metric: str) -> Table:
    systems, counted = list(dict.fromkeys(rows["system"])), list(counts(rows.columns))
    found = {(row["system"], row["value"]): row for row in rows.to_dict("records")}
    lines = []
    for group in dict.fromkeys(rows["value"]):
        of_group = [row for (_, value), row in found.items() if value == group]
        shown = [_count(row[name] for row in of_group) for name in counted]
        lines.append(Row(str(group), [*(_group_cell(task, found.get((s, group)), metric) for s in systems), *shown]))
    words = [COUNTED.get(name, name.removeprefix("n_")) for name in counted]
    named = COLUMNS.get(column, column)
    head = [named[:1].upper() + named[1:], *systems, *words]
    caption = f"{cells.head(task.measure(metric))} by {named}"
    return Table(caption, head, lines, _joined(heard.note(task), heard.drawn_of_groups(task, rows)))


def _group_cell(task: Task, row: dict | None, metric: str) -> Value | str:
    if row is None:
        return EMPTY
    name = next((key for key in row if f"{key}_low" in row and verdicts.measured(key) == metric), None)
    if name is None:
        return EMPTY
    value, low, high = (float(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    return Value(task.measure(name), value, low, high, marks(name))


def _count(values: Iterator) -> str:
    """How many recordings; several numbers where systems hear several versions of them."""
    return " / ".join(dict.fromkeys(str(int(value)) for value in values if not pd.isna(value)))
