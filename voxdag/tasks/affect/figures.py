"""The figures of an affect regression: predictions against labels, errors over the valence-arousal plane, quadrants,
folds and training.

Numbers that were not measured with songs unseen say so in every figure. Predictions of all members are on one scale:
they are drawn together; CCC is the mean over members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from voxdag.figures import agreement, groups, members, plane, require, style
from voxdag.figures import comparison as systems
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot
from voxdag.scoring import protocol as protocols
from voxdag.tasks.affect.criteria import PREDICTED, criteria, pairs
from voxdag.tasks.affect.data import DIMENSIONS, QUADRANT
from voxdag.tasks.affect.metrics import CEILINGS

OF_BASELINES = ("quadrants",)  # figures that baselines have beside systems
SCALE = (-1.0, 1.0)  # of valence and arousal
EDGES = np.linspace(*SCALE, 9)  # of the cells of the plane
AXES = ("Annotated valence (−1 to 1)", "Annotated arousal (−1 to 1)")
BREAKDOWN_COLUMNS = ("column", "value", "n")
QUADRANT_COLUMNS = ("system", "protocol", "group", "rate", "low", "high")

CCC = Metric("ccc", "CCC, mean over valence and arousal", "", worst="lowest")
RMSE = Metric("rmse", "RMSE (scale −1 to 1)", "", worst="highest")
KINDS = {  # of the comparison
    "ccc": CCC,
    **{f"ccc_{name}": Metric(f"ccc_{name}", f"CCC of {name}", "", worst="lowest") for name in DIMENSIONS},
    **{f"r2_{name}": Metric(f"r2_{name}", f"R² of {name}", "", worst="lowest") for name in DIMENSIONS},
    "rmse": RMSE,
}
CEILING_OF = dict(zip((f"ccc_{name}" for name in DIMENSIONS), CEILINGS, strict=True))
CEILING = "ceiling by annotators"
CRITERIA = {
    "dev_ccc": Quantity("Dev CCC", best="max"),
    **{f"dev_ccc_{name}": Quantity(f"Dev CCC, {name}", best="max") for name in DIMENSIONS},
    "dev_rmse": Quantity("Dev RMSE (scale −1 to 1)", best="min"),
}


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: scatter, plane, where `breakdown` groups by them quadrants and folds,
    and after training history.

    `predictions` (the eval split) is as `metrics` says, a clip once for each member, `breakdown` what
    `report.breakdown` gives, `history` as `draw_history` says. Every table has a column protocol. Of `dev` nothing is
    drawn.

    Raises Refused if a table lacks a column, or a fold lacks a seed, and as `protocol.of` does.
    """
    require.columns("breakdown", breakdown, BREAKDOWN_COLUMNS)
    protocol = protocols.of(predictions)
    note = protocols.NOTES[protocol]
    plots = {"scatter": _scatter(predictions, note), "plane": _plane(predictions, note)}
    for name, column, metric in (("quadrants", QUADRANT, RMSE), ("folds", "fold", CCC)):
        if (breakdown["column"] == column).sum() > 1:
            overall = _overall(predictions, metric.column)
            plots[name] = groups.draw_groups(breakdown, column, replace(metric, note=note), overall)
    if len(history):  # weights that were taken as they are have none
        plots["history"] = draw_history(history, CRITERIA, note)
    return {name: replace(plot, table=plot.table.assign(protocol=protocol)) for name, plot in plots.items()}


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """Draw the systems of the task beside one another, by name: those of KINDS, and where `tables` has quadrants, the
    same. The CCC of a dimension stands beside its ceiling, where that is known.

    `tables` are those of `figures` by their names, of all systems below one another with a column system. `intervals`
    holds one metric of a system or baseline a row: system, metric (its prefix says the protocol), value, low, high.

    Raises Refused if a table lacks a column, or as `comparison.headline` does.
    """
    plots = {name: _headline(intervals, metric) for name, metric in KINDS.items()}
    if "quadrants" in tables:
        plots["quadrants"] = _quadrants(tables["quadrants"])
    return plots


def _scatter(predictions: pd.DataFrame, note: str) -> Plot:
    count = len(members.split(predictions))
    table = agreement.table(predictions, dict(zip(DIMENSIONS, PREDICTED, strict=True)))
    values = {name: _mean(predictions, f"ccc_{name}") for name in DIMENSIONS}
    written = {name: f"CCC {value:.2f}" for name, value in values.items()}
    heading = style.noted(note, members.over_members(count))
    return Plot(table, agreement.figure(table, SCALE, written, heading))


def _plane(predictions: pd.DataFrame, note: str) -> Plot:
    """Draw the error of all members together, of both dimensions, by the label."""
    target, predicted = pairs(predictions)  # (2, N)
    seeds = members.seeds(predictions)
    table = plane.table(target[0], target[1], ((predicted - target) ** 2).mean(axis=0), EDGES, seeds)
    title = style.noted("Number of clips in each cell, shaded by error", style.noted(note, members.over_seeds(seeds)))
    return Plot(table, plane.figure(table, EDGES, AXES, RMSE.label, title))


def _overall(predictions: pd.DataFrame, metric: str) -> groups.Overall:
    count = len(members.split(predictions))
    return groups.Overall(_mean(predictions, metric), members.over_members(count) or "all clips")


def _mean(predictions: pd.DataFrame, metric: str) -> float:
    """A criterion of all clips: that of the only member, or the mean over members."""
    return float(np.mean([criteria(rows)[metric] for rows in members.split(predictions).values()]))


def _headline(intervals: pd.DataFrame, metric: Metric) -> Plot:
    """Draw the metric of every system, with the line of its ceiling, which is the same for all of them."""
    plot = systems.headline(intervals, metric)
    names = [f"{prefix}{CEILING_OF.get(metric.column)}" for prefix in protocols.PREFIXES.values()]
    found = intervals.loc[intervals["metric"].isin(names), "value"].dropna()
    if not len(found):
        return plot
    bars = plot.table.rename(columns={"system": "group", "value": "rate"})
    return replace(plot, figure=groups.bars(bars, metric, groups.Overall(float(found.iloc[0]), CEILING)))


def _quadrants(quadrants: pd.DataFrame) -> Plot:
    require.rows("quadrants", quadrants, QUADRANT_COLUMNS)
    notes = quadrants["protocol"].map(protocols.NOTES)
    return systems.by_group(quadrants.assign(system=systems.with_notes(quadrants["system"], notes)), RMSE)
