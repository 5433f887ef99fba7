"""Metrics along a number, such as an SNR: a panel for each metric, a line with intervals for each system."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import require, style
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot

COLUMNS = ("metric", "group", "rate", "low", "high")  # group: the number, rate: the metric's value
PANEL_HEIGHT, MARGIN = 1.1, 0.5  # inches


def table(breakdown: pd.DataFrame, by: str, metrics: Sequence[Metric]) -> pd.DataFrame:
    """One row per metric and group that the breakdown has of the column `by`, whose values are numbers: COLUMNS.

    breakdown: one group a row: column, value, and each metric with its _low and _high.

    Raises Refused if a column is missing or there is no group.
    """
    needed = [f"{metric.column}{end}" for metric in metrics for end in ("", "_low", "_high")]
    require.columns("breakdown", breakdown, ["column", "value", *needed])
    rows = breakdown[breakdown["column"] == by]
    require.rows(f"breakdown of column '{by}'", rows, needed)
    rows = rows.assign(group=rows["value"].astype(float)).sort_values("group")
    ends = {"": "rate", "_low": "low", "_high": "high"}
    parts = [
        rows.rename(columns={f"{metric.column}{end}": name for end, name in ends.items()}).assign(metric=metric.column)
        for metric in metrics
    ]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def draw(rows: pd.DataFrame, metrics: Sequence[Metric], xlabel: str) -> Plot:
    """Draw such a table; of several systems, told apart by a column system, a line each.

    Raises Refused if a column is missing or there is no row.
    """
    require.rows("rows", rows, COLUMNS)
    return Plot(rows, figure(rows, metrics, xlabel), intervals=True)


@style.paper()
def figure(rows: pd.DataFrame, metrics: Sequence[Metric], xlabel: str) -> Figure:
    """One panel for each of the metrics that a row is of. An undefined value leaves a gap."""
    shown = [metric for metric in metrics if metric.column in set(rows["metric"])]
    systems = list(dict.fromkeys(rows["system"])) if "system" in rows else [None]
    canvas = style.new_figure(height=MARGIN + PANEL_HEIGHT * len(shown))
    panels = canvas.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for panel, metric in zip(panels, shown, strict=True):
        of_metric = rows[rows["metric"] == metric.column]
        for system, look in zip(systems, style.line_looks(len(systems)), strict=True):
            line = of_metric if system is None else of_metric[of_metric["system"] == system]
            at = line["group"].astype(float)
            panel.fill_between(at, line["low"], line["high"], color=look["color"], alpha=0.15, linewidth=0)
            panel.plot(at, line["rate"], marker=".", label=system, **look)
        panel.set_title(metric.label, loc="left", pad=3)
    panels[-1].set_xlabel(xlabel)
    if systems != [None]:
        handles = panels[0].get_legend_handles_labels()
        canvas.legend(*handles, loc="outside upper center", ncols=min(len(systems), 4), frameon=False)
    return canvas
